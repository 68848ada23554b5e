//! Transactions of our own.

use super::{Kind, Session};

/// A pool of whichever database.
#[derive(Clone)]
pub(crate) enum Pool {
    #[cfg(feature = "mysql")]
    Mysql(sqlx::MySqlPool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
}

/// MySQL's default isolation locks the gaps between the rows that it looks at, and savers that insert would wait;
/// and a claim must check its locks with a younger snapshot.
#[cfg(feature = "mysql")]
const MYSQL_BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION";

/// Whatever the database's default: who waited for a lock is to see what was committed meanwhile.
#[cfg(feature = "postgres")]
const POSTGRES_BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// SQLite's write lock from the start: a transaction that takes it later may be refused.
#[cfg(feature = "sqlite")]
pub(super) const SQLITE_BEGIN: &str = "BEGIN IMMEDIATE";

impl Pool {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(_) => Kind::Mysql,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Kind::Postgres,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Kind::Sqlite,
        }
    }

    /// A transaction that writes.
    pub(crate) async fn begin(&self) -> sqlx::Result<Tx> {
        Ok(match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => Tx::Mysql(pool.begin_with(MYSQL_BEGIN).await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Tx::Postgres(pool.begin_with(POSTGRES_BEGIN).await?),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => Tx::Sqlite(pool.begin_with(SQLITE_BEGIN).await?),
        })
    }

    /// A connection without a transaction.
    pub(crate) async fn acquire(&self) -> sqlx::Result<Connection> {
        Ok(match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => Connection::Mysql(pool.acquire().await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => Connection::Sqlite(pool.acquire().await?),
        })
    }
}

/// A transaction of whichever database; rolled back when it is dropped.
pub(crate) enum Tx {
    #[cfg(feature = "mysql")]
    Mysql(sqlx::Transaction<'static, sqlx::MySql>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

impl Tx {
    pub(crate) fn session(&mut self) -> Session<'_> {
        match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(tx) => tx.into(),
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => tx.into(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => tx.into(),
        }
    }

    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(tx) => tx.commit().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(tx) => tx.commit().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(tx) => tx.commit().await,
        }
    }
}

/// A connection of whichever pool.
pub(crate) enum Connection {
    #[cfg(feature = "mysql")]
    Mysql(sqlx::pool::PoolConnection<sqlx::MySql>),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::pool::PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::pool::PoolConnection<sqlx::Sqlite>),
}

impl Connection {
    pub(crate) fn session(&mut self) -> Session<'_> {
        match self {
            #[cfg(feature = "mysql")]
            Self::Mysql(connection) => (&mut **connection).into(),
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => (&mut **connection).into(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => (&mut **connection).into(),
        }
    }
}
