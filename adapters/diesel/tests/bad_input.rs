//! Tables that are not as the model says: what a save says then, and that nothing fires.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on!(
    ["cases/bad_tables.rs"]:
    sqlite = sqlite,
    async_sqlite = async_sqlite,
    mariadb = mariadb,
    async_mariadb = async_mariadb,
);
on!(
    ["cases/bad_tables.rs", "cases/bad_jsonb.rs"]:
    postgres = postgres,
    async_postgres = async_postgres,
);
