//! Tables that are not as the model says: what a save says then, and that nothing fires.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

mod tables_on_sqlite {
    use crate::support::sqlite as db;
    include!("cases/bad_tables.rs");
}

mod tables_on_mariadb {
    use crate::support::mariadb as db;
    include!("cases/bad_tables.rs");
}

mod tables_on_postgres {
    use crate::support::postgres as db;
    include!("cases/bad_tables.rs");

    #[test]
    fn a_jsonb_that_the_table_calls_text_is_told() {
        let test = TestDb::new();
        let conn = &mut test.connect();
        parcels_with(conn, ", rules_json jsonb NOT NULL DEFAULT '[]'");
        fails(conn, |error| {
            let remedy = "is `jsonb` in the database: say `Jsonb` in `table!`";
            told(error).contains(remedy)
        });
    }
}
