//! What the tests share: a database of their own on SQLite, PostgreSQL and MariaDB, with the same models on each.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic
)]

pub mod events;
pub mod fired;
pub mod mariadb;
pub mod postgres;
pub mod server;
pub mod sqlite;
pub mod watched;

/// Runs the test cases of a file on each database.
#[macro_export]
macro_rules! on_each {
    ($file:literal) => {
        mod on_sqlite {
            use $crate::support::sqlite as db;
            include!($file);
        }

        mod on_postgres {
            use $crate::support::postgres as db;
            include!($file);
        }

        mod on_mariadb {
            use $crate::support::mariadb as db;
            include!($file);
        }
    };
}
