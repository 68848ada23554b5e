// Included after bad_tables.rs.

use celerysalt_diesel::{CheckError, CheckTables, TableProblem};
use celerysalt_migrations::down_sql;
use db::{Order, Seat, check_tables, transaction};
use diesel::expression::SqlLiteral;

/// The same parcels, as if they were in another schema.
mod elsewhere {
    use celerysalt_diesel::{FollowActions, Rules};
    use diesel::prelude::*;

    diesel::table! {
        elsewhere.parcels (id) {
            id -> Integer,
            rules_json -> Text,
        }
    }

    #[derive(Queryable, Selectable, Identifiable, FollowActions)]
    #[diesel(table_name = parcels)]
    #[follow(rules = "rules_json")]
    pub(super) struct Parcel {
        id: i32,
        rules_json: Rules,
    }
}

/// Names that only quotes make names.
mod odd {
    use celerysalt_diesel::{FollowActions, Rules};
    use diesel::prelude::*;

    diesel::table! {
        #[sql_name = "odd.parcels"]
        parcels (id) {
            id -> Integer,
            #[sql_name = "rules of it"]
            rules -> Text,
        }
    }

    #[derive(Queryable, Selectable, Identifiable, FollowActions)]
    #[diesel(table_name = parcels)]
    #[follow(rules = "rules")]
    pub(super) struct Parcel {
        id: i32,
        rules: Rules,
    }
}

/// A parcel of which not every field is a column, and not every column a field.
#[derive(Queryable, Selectable, Identifiable, FollowActions)]
#[diesel(table_name = parcels)]
struct Counted {
    id: i32,
    #[diesel(
        select_expression = diesel::dsl::sql("2"),
        select_expression_type = SqlLiteral<diesel::sql_types::Integer>
    )]
    doors: i32,
    #[diesel(embed)]
    #[allow(dead_code)]
    place: Place,
    #[diesel(column_name = rules_json)]
    on_change_rules: Rules,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = parcels)]
#[allow(dead_code)]
struct Place {
    place: String,
}

/// What the guide gives to a rules column, unless `table!` says another.
fn needed() -> &'static str {
    if db::TEXT == "char" { "json" } else { "text" }
}

/// The type of a rules column that `table!` calls `Text`.
fn long_text() -> &'static str {
    if db::TEXT == "char" { "longtext" } else { "text" }
}

fn create(conn: &mut Conn, table: &str, columns: &str) {
    let sql = format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns})");
    conn.batch_execute(&sql).unwrap();
}

fn unfit<M>(conn: &mut Conn) -> (Vec<&'static str>, Vec<TableProblem>)
where
    db::Db: CheckTables<M>,
{
    match check_tables::<M>(conn) {
        Err(CheckError::Unfit { models, problems }) => (models, problems),
        other => panic!("{other:?}"),
    }
}

fn problems(conn: &mut Conn) -> Vec<TableProblem> {
    let (models, problems) = unfit::<Parcel>(conn);
    assert_eq!(models, ["parcel"]);
    problems
}

#[test]
fn tables_that_fit_pass_the_check() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    check_tables::<Order>(conn).unwrap();
    check_tables::<(Order, Seat)>(conn).unwrap();
    parcels_with(conn, &format!(", rules_json {} NOT NULL DEFAULT ('[]')", long_text()));
    check_tables::<((Order, Seat), Parcel)>(conn).unwrap();
    transaction(conn, |conn| {
        check_tables::<Parcel>(conn).unwrap();
        Ok(())
    })
    .unwrap();
}

#[test]
fn each_missing_part_of_a_table_is_named_and_the_remedy_is_one() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    assert_eq!(problems(conn), [TableProblem::NoTable { table: "parcels".into() }]);

    create(conn, "parcels", "id integer PRIMARY KEY");
    let place = TableProblem::NoColumn { table: "parcels".into(), column: "place" };
    let rules = TableProblem::NoRules { table: "parcels".into(), column: "rules_json", needed: needed() };
    assert_eq!(problems(conn), [place, rules.clone()]);

    create(conn, "parcels", "id integer PRIMARY KEY, place varchar(50) NOT NULL");
    let remedy = rules.to_string();
    let remedy = remedy.split('`').find(|part| part.starts_with("ALTER TABLE")).unwrap();
    conn.batch_execute(remedy).unwrap();
    check_tables::<Parcel>(conn).unwrap();
}

#[test]
fn a_rules_column_of_a_wrong_type_or_that_may_be_null_is_told() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    parcels_with(conn, ", rules_json integer");
    let integer = if db::TEXT == "char" { "int(11)" } else { "integer" };
    let wrong = TableProblem::WrongType { table: "parcels".into(), column: "rules_json", found: integer.into(), needed: needed() };
    let null = TableProblem::Nullable { table: "parcels".into(), column: "rules_json" };
    assert_eq!(problems(conn), [wrong, null.clone()]);

    create(conn, "parcels", &format!("id integer PRIMARY KEY, place varchar(50), rules_json {}", long_text()));
    assert_eq!(problems(conn), [null]);

    if db::TEXT == "char" {
        create(conn, "parcels", "id integer PRIMARY KEY, place varchar(50), rules_json text NOT NULL");
        let short = TableProblem::WrongType { table: "parcels".into(), column: "rules_json", found: "text".into(), needed: "json" };
        assert_eq!(problems(conn), [short]);
    }
}

#[test]
fn each_model_is_checked_and_only_those_that_do_not_fit_are_named() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    create(conn, "orders", "id integer PRIMARY KEY");
    let (models, problems) = unfit::<(Seat, Order, Parcel)>(conn);
    assert_eq!(models, ["order", "parcel"]);
    assert!(matches!(problems.last(), Some(TableProblem::NoTable { table }) if table == "parcels"), "{problems:?}");
    let error = check_tables::<(Seat, Order, Parcel)>(conn).unwrap_err().to_string();
    for part in ["saves of `order`, `parcel` ", "`orders` has no column `state`", "ALTER TABLE orders ADD COLUMN on_change_rules"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn the_librarys_own_tables_are_checked_as_far_as_saves_write_them() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    conn.batch_execute("DROP TABLE celerysalt_transitions").unwrap();
    check_tables::<Order>(conn).unwrap();
    let history = TableProblem::NotMigrated { table: "celerysalt_transitions" };
    assert_eq!(unfit::<(Order, Seat)>(conn), (vec!["order", "seats"], vec![history]));

    let dialect = <db::Db as celerysalt_diesel::FollowBackend>::DIALECT;
    conn.batch_execute(&down_sql(dialect)).unwrap();
    let [outbox, pending] = ["celerysalt_outbox", "celerysalt_pending"].map(|table| TableProblem::NotMigrated { table });
    assert_eq!(unfit::<Order>(conn).1, [outbox, pending]);
    let error = check_tables::<Order>(conn).unwrap_err().to_string();
    assert!(error.contains("celerysalt_migrations") && error.contains("diesel::source"), "{error}");
}

#[test]
fn names_are_the_databases_and_fields_that_are_no_columns_are_left_out() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let quote = if db::TEXT == "char" { "`" } else { "\"" };
    let [table, rules] = ["odd.parcels", "rules of it"].map(|name| format!("{quote}{name}{quote}"));
    let missing = TableProblem::NoTable { table: "odd.parcels".into() };
    assert_eq!(unfit::<odd::Parcel>(conn).1, [missing]);
    create(conn, &table, &format!("id integer PRIMARY KEY, {rules} {} NOT NULL", long_text()));
    check_tables::<odd::Parcel>(conn).unwrap();

    create(conn, "parcels", &format!("id integer PRIMARY KEY, rules_json {} NOT NULL", long_text()));
    check_tables::<Counted>(conn).unwrap();
}

#[test]
fn a_table_of_another_schema_is_not_looked_for_here() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    parcels_with(conn, &format!(", rules_json {} NOT NULL DEFAULT ('[]')", long_text()));
    match check_tables::<elsewhere::Parcel>(conn).unwrap_err() {
        CheckError::Unfit { problems, .. } => {
            assert_eq!(problems, [TableProblem::NoTable { table: "elsewhere.parcels".into() }]);
        }
        // SQLite says so itself.
        error => assert_eq!(error.to_string(), "unknown database 'elsewhere'"),
    }
}
