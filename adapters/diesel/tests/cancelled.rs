//! Async saves that are dropped before their end.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on!(
    ["cases/cancelled.rs"]:
    on_sqlite = async_sqlite,
    on_postgres = async_postgres,
    on_mariadb = async_mariadb,
);
