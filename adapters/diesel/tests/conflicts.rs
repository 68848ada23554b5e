//! Savers in each other's way, on databases that lock rows (SQLite has one writer at a time).
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_servers!("cases/conflicts.rs");

mod serialization_on_postgres {
    use crate::support::postgres as db;
    include!("cases/serialization.rs");
}

#[cfg(feature = "async-postgres")]
mod serialization_on_async_postgres {
    use crate::support::async_postgres as db;
    include!("cases/serialization.rs");
}

mod ended_on_mariadb {
    use crate::support::mariadb as db;
    include!("cases/ended.rs");
}

#[cfg(feature = "async-mysql")]
mod ended_on_async_mariadb {
    use crate::support::async_mariadb as db;
    include!("cases/ended.rs");
}
