// Included after check.rs.

use celerysalt_migrations::Dialect;

/// Parcels in the schema of PostgreSQL's temporary tables; SQLite is given a database by that name.
mod temporary {
    use celerysalt_diesel::{FollowActions, Rules};
    use diesel::prelude::*;

    diesel::table! {
        pg_temp.parcels (id) {
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

#[test]
fn a_table_is_looked_for_in_its_own_schema() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    if <db::Db as celerysalt_diesel::FollowBackend>::DIALECT == Dialect::Sqlite {
        conn.batch_execute("ATTACH ':memory:' AS pg_temp").unwrap();
    }
    create(conn, "parcels", "id integer");
    conn.batch_execute("CREATE TABLE pg_temp.parcels (id integer, rules_json text)").unwrap();
    let null = TableProblem::Nullable { table: "pg_temp.parcels".into(), column: "rules_json" };
    assert_eq!(unfit::<temporary::Parcel>(conn).1, [null]);
    conn.batch_execute("DROP TABLE pg_temp.parcels; CREATE TABLE pg_temp.parcels (id integer, rules_json text NOT NULL)").unwrap();
    check_tables::<temporary::Parcel>(conn).unwrap();
}
