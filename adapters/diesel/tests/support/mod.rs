//! What the tests share: a database of their own on SQLite and on PostgreSQL, with the same models on both.
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
pub mod postgres;
pub mod sqlite;

/// Runs the test cases of a file on both databases.
#[macro_export]
macro_rules! on_both {
    ($file:literal) => {
        mod on_sqlite {
            use $crate::support::sqlite as db;
            include!($file);
        }

        mod on_postgres {
            use $crate::support::postgres as db;
            include!($file);
        }
    };
}
