//! One way to speak with every database, for what is the same in all of them.

mod driver;
#[cfg(feature = "mysql")]
mod mysql;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

pub use self::driver::Driver;
pub(crate) use self::pool::Pool;
pub(crate) use self::row::{Columns, Row, document, need};

/// A connection of any of the databases, borrowed, with the transaction that is open on it, if one is.
///
/// Functions that take one take what sqlx has: `&mut *tx` of a transaction, `&mut *connection` of a pool's.
pub struct Session<'c>(Inner<'c>);

enum Inner<'c> {
    #[cfg(feature = "mysql")]
    Mysql(&'c mut sqlx::MySqlConnection),
    #[cfg(feature = "postgres")]
    Postgres(&'c mut sqlx::PgConnection),
    #[cfg(feature = "sqlite")]
    Sqlite(&'c mut sqlx::SqliteConnection),
}

/// Whose SQL a statement is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "there are those whose features are on")]
pub(crate) enum Kind {
    Mysql,
    Postgres,
    Sqlite,
}

/// A parameter of a statement.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "PostgreSQL alone needs fewer")]
pub(crate) enum Bind {
    Flag(bool),
    Number(i64),
    Text(Option<String>),
    Id(Option<Uuid>),
    Json(Option<Value>),
    Instant(Option<DateTime<Utc>>),
}

/// Runs a statement on whichever connection it is.
macro_rules! run {
    ($session:ident, $sql:ident, $binds:ident, |$query:ident, $connection:ident| $done:expr) => {
        match &mut $session.0 {
            #[cfg(feature = "mysql")]
            Inner::Mysql($connection) => {
                let $query = mysql::prepared($sql, $binds);
                $done
            }
            #[cfg(feature = "postgres")]
            Inner::Postgres($connection) => {
                let $query = postgres::prepared($sql, $binds);
                $done
            }
            #[cfg(feature = "sqlite")]
            Inner::Sqlite($connection) => {
                let $query = sqlite::prepared($sql, $binds);
                $done
            }
        }
    };
}

impl Session<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self.0 {
            #[cfg(feature = "mysql")]
            Inner::Mysql(_) => Kind::Mysql,
            #[cfg(feature = "postgres")]
            Inner::Postgres(_) => Kind::Postgres,
            #[cfg(feature = "sqlite")]
            Inner::Sqlite(_) => Kind::Sqlite,
        }
    }

    /// Runs a statement with a `?` for each parameter; gives how many rows it found.
    pub(crate) async fn execute(&mut self, sql: &str, binds: Vec<Bind>) -> sqlx::Result<u64> {
        run!(self, sql, binds, |query, connection| {
            Ok(query.execute(&mut **connection).await?.rows_affected())
        })
    }

    /// The rows of a statement with a `?` for each parameter.
    pub(crate) async fn rows(&mut self, sql: &str, binds: Vec<Bind>) -> sqlx::Result<Vec<Row>> {
        run!(self, sql, binds, |query, connection| {
            let rows = query.fetch_all(&mut **connection).await?;
            Ok(rows.into_iter().map(Row::from).collect())
        })
    }

    /// As [`rows`](Self::rows), for a statement that gives at most one.
    pub(crate) async fn row(&mut self, sql: &str, binds: Vec<Bind>) -> sqlx::Result<Option<Row>> {
        Ok(self.rows(sql, binds).await?.into_iter().next())
    }
}

/// `(?, ?, ?)`: a list of so many parameters, at least one.
pub(crate) fn list(length: usize) -> String {
    format!("(?{})", ", ?".repeat(length.saturating_sub(1)))
}

macro_rules! from_sqlx {
    ($feature:literal, $variant:ident, $connection:ty, $database:ty) => {
        #[cfg(feature = $feature)]
        impl<'c> From<&'c mut $connection> for Session<'c> {
            fn from(connection: &'c mut $connection) -> Self {
                Self(Inner::$variant(connection))
            }
        }

        #[cfg(feature = $feature)]
        impl<'c> From<&'c mut sqlx::Transaction<'_, $database>> for Session<'c> {
            fn from(transaction: &'c mut sqlx::Transaction<'_, $database>) -> Self {
                Self(Inner::$variant(&mut *transaction))
            }
        }
    };
}

from_sqlx!("mysql", Mysql, sqlx::MySqlConnection, sqlx::MySql);
from_sqlx!("postgres", Postgres, sqlx::PgConnection, sqlx::Postgres);
from_sqlx!("sqlite", Sqlite, sqlx::SqliteConnection, sqlx::Sqlite);
