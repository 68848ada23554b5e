//! Savers in each other's way.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_servers!("cases/conflicts.rs");

on!(
    ["cases/locked.rs"]:
    on_sqlite = sqlite,
    #[cfg(feature = "async-sqlite")]
    on_async_sqlite = async_sqlite,
);
on!(
    ["cases/serialization.rs"]:
    serialization_on_postgres = postgres,
    #[cfg(feature = "async-postgres")]
    serialization_on_async_postgres = async_postgres,
);
on!(
    ["cases/ended.rs"]:
    ended_on_mariadb = mariadb,
    #[cfg(feature = "async-mysql")]
    ended_on_async_mariadb = async_mariadb,
);
