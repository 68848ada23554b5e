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

/// Runs the test cases of a file on each database, over Diesel's connections and over those of diesel-async.
#[macro_export]
macro_rules! on_every {
    ($file:literal) => {
        $crate::on_each!($file);

        #[cfg(feature = "async-sqlite")]
        mod on_async_sqlite {
            use $crate::support::async_sqlite as db;
            include!($file);
        }

        #[cfg(feature = "async-postgres")]
        mod on_async_postgres {
            use $crate::support::async_postgres as db;
            include!($file);
        }

        #[cfg(feature = "async-mysql")]
        mod on_async_mariadb {
            use $crate::support::async_mariadb as db;
            include!($file);
        }
    };
}

/// Runs the test cases of a file on the databases that lock rows, over both kinds of connection.
#[macro_export]
macro_rules! on_servers {
    ($file:literal) => {
        mod on_postgres {
            use $crate::support::postgres as db;
            include!($file);
        }

        mod on_mariadb {
            use $crate::support::mariadb as db;
            include!($file);
        }

        #[cfg(feature = "async-postgres")]
        mod on_async_postgres {
            use $crate::support::async_postgres as db;
            include!($file);
        }

        #[cfg(feature = "async-mysql")]
        mod on_async_mariadb {
            use $crate::support::async_mariadb as db;
            include!($file);
        }
    };
}
