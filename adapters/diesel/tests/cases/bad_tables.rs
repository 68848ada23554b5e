use celerysalt::rules::Rule;
use celerysalt_diesel::{Error, FollowActions, Rules};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde_json::json;

use crate::support::events::SeatTaken;
use db::{Conn, FollowMany, FollowSave, FollowUpdate, TestDb, outbox};

diesel::table! {
    parcels (id) {
        id -> Integer,
        place -> Text,
        rules_json -> Text,
    }
}

/// A parcel whose rules column has another name than its field.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
#[diesel(table_name = parcels)]
#[follow(name = "parcel")]
struct Parcel {
    id: i32,
    place: String,
    #[diesel(column_name = rules_json)]
    on_change_rules: Rules,
}

#[derive(Clone, AsChangeset, FollowActions)]
#[diesel(table_name = parcels)]
#[follow(changes = Parcel)]
struct Moved {
    place: String,
}

fn moved(place: &str) -> Moved {
    Moved { place: place.into() }
}

fn arrived() -> Rule {
    Rule::when(Parcel::PLACE).eql("home").emit::<SeatTaken>(json!({"guest": "{{ place }}"}))
}

/// The table of parcels, with this in the place of the rules column, and one parcel in it.
fn parcels_with(conn: &mut Conn, rules_column: &str) {
    let text = if db::TEXT == "char" { "varchar(50)" } else { "text" };
    conn.batch_execute(&format!(
        "CREATE TABLE parcels (id integer PRIMARY KEY, place {text} NOT NULL {rules_column});
         INSERT INTO parcels (id, place) VALUES (1, 'road')"
    ))
    .unwrap();
}

/// Each way to save the parcel fails as it should, and fires and changes nothing.
fn fails(conn: &mut Conn, right: impl Fn(&DieselError) -> bool) {
    let results = [
        moved("home").update_and_follow(1, conn).map(drop),
        Parcel { id: 1, place: "home".into(), on_change_rules: vec![arrived()].into() }.save_and_follow(conn).map(drop),
        Parcel { id: 1, place: "home".into(), on_change_rules: Rules::new() }.delete_and_follow(conn).map(drop),
        Parcel::follow_update_many(parcels::table).set(moved("home")).execute(conn).map(drop),
        Parcel::follow_delete_many(parcels::table).execute(conn).map(drop),
    ];
    for (way, result) in results.into_iter().enumerate() {
        match result {
            Err(Error::Database(error)) => assert!(right(&error), "{way}: {error:?}: {error}"),
            other => panic!("{way}: {other:?}"),
        }
    }
    assert_eq!(parcels::table.select(parcels::place).load::<String>(conn).unwrap(), ["road"]);
    assert!(outbox(conn).is_empty());
}

/// An error with what caused it, as a program shows it.
fn told(error: &DieselError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn a_rules_column_of_another_name_is_found() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let text = if db::TEXT == "char" { "longtext" } else { "text" };
    parcels_with(conn, &format!(", rules_json {text} NOT NULL DEFAULT ('[]')"));
    let mut parcel = moved("town").update_and_follow(1, conn).unwrap();
    parcel.on_change_rules.push(arrived());
    let parcel = parcel.update_and_follow(conn).unwrap();
    assert_eq!(parcel.on_change_rules.len(), 1);
    let refused = Parcel::follow_update_many(parcels::table).set(parcel).execute(conn).unwrap_err();
    assert!(refused.to_string().contains("`rules_json`"), "{refused}");
    let done = Parcel::follow_update_many(parcels::table).set(moved("home")).execute(conn).unwrap();
    assert_eq!(done.events, 1);
    let left = parcels::table.select(Parcel::as_select()).first(conn).unwrap();
    assert_eq!((left.place.as_str(), left.on_change_rules.len()), ("home", 0));
}

#[test]
fn a_table_without_the_column_is_the_databases_to_report() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    parcels_with(conn, "");
    fails(conn, |error| matches!(error, DieselError::DatabaseError(_, told) if told.message().contains("rules_json")));
}

#[test]
fn a_null_where_rules_should_be_names_the_column_and_the_remedy() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let text = if db::TEXT == "char" { "longtext" } else { "text" };
    parcels_with(conn, &format!(", rules_json {text}"));
    fails(conn, |error| {
        let told = told(error);
        matches!(error, DieselError::DeserializationError(_))
            && told.contains("rules_json")
            && told.contains("is NULL in this row: set it to '[]'")
            && told.contains("NOT NULL DEFAULT '[]'")
    });
}
