//! What the tests share: a database of their own on SQLite, PostgreSQL and MariaDB, with the same models on each.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic
)]

#[cfg(feature = "async-mysql")]
pub mod async_mariadb;
#[cfg(feature = "async-postgres")]
pub mod async_postgres;
#[cfg(feature = "async-sqlite")]
pub mod async_sqlite;
pub mod events;
pub mod fired;
pub mod mariadb;
pub mod postgres;
pub mod server;
pub mod sqlite;
pub mod watched;

/// Runs the test cases of files in a module for each database, over the connections of that module of the support.
#[macro_export]
macro_rules! on {
    ($files:tt: $($(#[$attribute:meta])* $module:ident = $database:ident),+ $(,)?) => {$(
        $(#[$attribute])*
        mod $module {
            use $crate::support::$database as db;
            $crate::include_all!($files);
        }
    )+};
}

/// What [`on`] has in a module.
#[macro_export]
macro_rules! include_all {
    ([$($file:literal),+]) => {
        $(include!($file);)+
    };
}

/// Runs the test cases of a file on each database.
#[macro_export]
macro_rules! on_each {
    ($file:literal) => {
        $crate::on!([$file]: on_sqlite = sqlite, on_postgres = postgres, on_mariadb = mariadb);
    };
}

/// Runs the test cases of a file on each database, over Diesel's connections and over those of diesel-async.
#[macro_export]
macro_rules! on_every {
    ($file:literal) => {
        $crate::on_each!($file);
        $crate::on!(
            [$file]:
            #[cfg(feature = "async-sqlite")] on_async_sqlite = async_sqlite,
            #[cfg(feature = "async-postgres")] on_async_postgres = async_postgres,
            #[cfg(feature = "async-mysql")] on_async_mariadb = async_mariadb,
        );
    };
}

/// Runs the test cases of a file on the databases that lock rows, over both kinds of connection.
#[macro_export]
macro_rules! on_servers {
    ($file:literal) => {
        $crate::on!(
            [$file]:
            on_postgres = postgres,
            on_mariadb = mariadb,
            #[cfg(feature = "async-postgres")] on_async_postgres = async_postgres,
            #[cfg(feature = "async-mysql")] on_async_mariadb = async_mariadb,
        );
    };
}
