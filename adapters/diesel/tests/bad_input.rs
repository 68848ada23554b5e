//! Tables that are not as the model says: what a save says then, and that nothing fires.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

macro_rules! tables_on {
    ($database:ident, $($file:literal),+) => {
        mod $database {
            use crate::support::$database as db;
            $(include!($file);)+
        }
    };
}

tables_on!(sqlite, "cases/bad_tables.rs");
tables_on!(async_sqlite, "cases/bad_tables.rs");
tables_on!(mariadb, "cases/bad_tables.rs");
tables_on!(async_mariadb, "cases/bad_tables.rs");
tables_on!(postgres, "cases/bad_tables.rs", "cases/bad_jsonb.rs");
tables_on!(async_postgres, "cases/bad_tables.rs", "cases/bad_jsonb.rs");
