//! What is MySQL's own: keys of new rows, tables of other databases.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

use celerysalt_diesel::{
    AutoIncrement, Error, Follow, FollowActions, FollowInsert, FollowSave, Rules,
};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use support::mariadb::{Conn, TestDb, created, new_order, outbox, stored};

diesel::table! {
    tickets (no) {
        no -> BigInt,
        title -> Text,
        on_change_rules -> Text,
    }
}

/// A key of the program's own type.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    diesel::expression::AsExpression,
    diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = BigInt)]
pub struct TicketNo(i64);

impl AutoIncrement for TicketNo {}

impl From<i64> for TicketNo {
    fn from(no: i64) -> Self {
        Self(no)
    }
}

impl celerysalt_diesel::AsField for TicketNo {
    fn field_type() -> celerysalt::value::FieldType {
        i64::field_type()
    }

    fn value(&self) -> celerysalt::value::Value {
        self.0.value()
    }
}

impl diesel::serialize::ToSql<BigInt, diesel::mysql::Mysql> for TicketNo {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, diesel::mysql::Mysql>,
    ) -> diesel::serialize::Result {
        <i64 as diesel::serialize::ToSql<BigInt, diesel::mysql::Mysql>>::to_sql(&self.0, out)
    }
}

impl diesel::deserialize::FromSql<BigInt, diesel::mysql::Mysql> for TicketNo {
    fn from_sql(value: diesel::mysql::MysqlValue<'_>) -> diesel::deserialize::Result<Self> {
        <i64 as diesel::deserialize::FromSql<BigInt, diesel::mysql::Mysql>>::from_sql(value)
            .map(Self)
    }
}

#[derive(
    Debug,
    Clone,
    PartialEq,
    Queryable,
    Selectable,
    Identifiable,
    Insertable,
    AsChangeset,
    FollowActions,
)]
#[diesel(table_name = tickets, primary_key(no))]
pub struct Ticket {
    no: TicketNo,
    title: String,
    on_change_rules: Rules,
}

/// The database makes the key.
#[derive(Insertable, FollowActions)]
#[diesel(table_name = tickets, primary_key(no))]
#[follow(inserts = Ticket)]
pub struct NewTicket<'a> {
    title: &'a str,
}

/// The key is here, or the database makes it.
#[derive(Insertable, FollowActions)]
#[diesel(table_name = tickets, primary_key(no))]
#[follow(inserts = Ticket)]
pub struct AnyTicket {
    no: Option<i64>,
    title: String,
}

fn tickets(conn: &mut Conn, key: &str) {
    conn.batch_execute(&format!(
        "CREATE TABLE tickets (no bigint {key} PRIMARY KEY, title text NOT NULL, on_change_rules longtext NOT NULL DEFAULT ('[]'))"
    ))
    .unwrap();
}

mod grants {
    use celerysalt_diesel::{FollowActions, Rules};
    use diesel::prelude::*;

    diesel::table! {
        mysql.global_priv (host, user) {
            host -> Text,
            user -> Text,
            #[sql_name = "Priv"]
            json -> Json,
        }
    }

    /// A table of the server's that has a column of JSON; its columns are `Host`, `User` and `Priv`.
    #[derive(Queryable, Selectable, Identifiable, FollowActions)]
    #[diesel(table_name = global_priv, primary_key(host, user))]
    #[follow(rules = "json")]
    pub struct Grant {
        host: String,
        user: String,
        json: Rules,
    }
}

#[test]
fn the_check_at_start_looks_into_another_database_and_at_no_letter_case() {
    let test = TestDb::new();
    celerysalt_diesel::check_tables::<grants::Grant>(&mut test.connect()).unwrap();
}

#[test]
fn a_new_row_is_read_back_by_the_key_that_it_carries_or_got() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    tickets(conn, "AUTO_INCREMENT");
    let made = NewTicket { title: "made" }.insert_and_follow(conn).unwrap();
    assert_eq!((made.no, made.title.as_str()), (TicketNo(1), "made"));
    let given = AnyTicket {
        no: Some(7),
        title: "given".into(),
    }
    .insert_and_follow(conn)
    .unwrap();
    assert_eq!(given.key(), TicketNo(7));
    let made = AnyTicket {
        no: None,
        title: "made".into(),
    }
    .insert_and_follow(conn)
    .unwrap();
    assert_eq!(made.no, TicketNo(8));
    let model = Ticket {
        no: TicketNo(20),
        ..made
    };
    assert_eq!(model.clone().insert_and_follow(conn).unwrap(), model);
}

#[test]
fn the_key_of_an_earlier_insert_is_not_taken_for_the_new_one() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    conn.batch_execute("CREATE SEQUENCE numbers START WITH 100")
        .unwrap();
    tickets(conn, "DEFAULT (NEXTVAL(numbers))");
    // A row whose number is what LAST_INSERT_ID tells of another table.
    let order = stored(conn, "1", vec![]);
    let old = Ticket {
        no: TicketNo(order.id.into()),
        title: "old".into(),
        on_change_rules: Rules::new(),
    };
    old.insert_and_follow(conn).unwrap();
    let lost = NewTicket { title: "new" }
        .insert_and_follow(conn)
        .unwrap_err();
    assert!(
        matches!(lost, Error::KeyOfNewRow { model: "tickets" }),
        "{lost:?}"
    );
    assert!(lost.to_string().contains("AUTO_INCREMENT"), "{lost}");
    assert_eq!(
        tickets::table.count().get_result(conn),
        Ok(1),
        "nothing is left of it"
    );
}

#[test]
fn a_model_whose_key_the_database_replaces_is_told_so() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = new_order("1", vec![created()])
        .insert_and_follow(conn)
        .unwrap();
    // MySQL makes a key where it is given a zero.
    let zero = support::mariadb::Order {
        id: 0,
        number: "2".into(),
        ..order
    };
    let lost = zero.insert_and_follow(conn).unwrap_err();
    assert!(
        matches!(lost, Error::KeyOfNewRow { model: "order" }),
        "{lost:?}"
    );
    assert_eq!(outbox(conn).len(), 1);
}
