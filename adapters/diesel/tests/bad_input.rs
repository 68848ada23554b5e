//! Tables that are not as the model says: what the check at start and a save say then, and that nothing fires.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on!(
    ["cases/bad_tables.rs", "cases/check.rs", "cases/check_temp.rs"]:
    sqlite = sqlite,
    async_sqlite = async_sqlite,
);
on!(
    ["cases/bad_tables.rs", "cases/check.rs"]:
    mariadb = mariadb,
    async_mariadb = async_mariadb,
);
on!(
    ["cases/bad_tables.rs", "cases/bad_jsonb.rs", "cases/check.rs", "cases/check_temp.rs"]:
    postgres = postgres,
    async_postgres = async_postgres,
);
