//! The databases, as type parameters of functions that run code of the user's.

use std::future::Future;

use sqlx::{Database, Pool, Transaction};

use super::Session;

/// A database of sqlx's that has CelerySalt's tables: `sqlx::Postgres`, `sqlx::MySql` (MariaDB too), `sqlx::Sqlite`;
/// each with the feature of its name. Not to be implemented elsewhere.
pub trait Driver: Database + sealed::Sealed {
    /// A transaction that writes, as it is usual in this database.
    #[doc(hidden)]
    fn begin(
        pool: &Pool<Self>,
    ) -> impl Future<Output = sqlx::Result<Transaction<'static, Self>>> + Send;

    #[doc(hidden)]
    fn session<'c>(transaction: &'c mut Transaction<'static, Self>) -> Session<'c>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! driver {
    ($feature:literal, $database:ty, |$pool:ident| $begin:expr) => {
        #[cfg(feature = $feature)]
        impl sealed::Sealed for $database {}

        #[cfg(feature = $feature)]
        impl Driver for $database {
            async fn begin($pool: &Pool<Self>) -> sqlx::Result<Transaction<'static, Self>> {
                $begin.await
            }

            fn session<'c>(transaction: &'c mut Transaction<'static, Self>) -> Session<'c> {
                transaction.into()
            }
        }
    };
}

driver!("mysql", sqlx::MySql, |pool| pool.begin());
driver!("postgres", sqlx::Postgres, |pool| pool.begin());
driver!("sqlite", sqlx::Sqlite, |pool| pool
    .begin_with(super::pool::SQLITE_BEGIN));
