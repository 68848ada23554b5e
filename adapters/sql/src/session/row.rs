//! Rows as they are read, whatever the database.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// The columns of a row by their meaning: each database keeps ids, instants and JSON in its own way.
pub(crate) trait Columns {
    fn text(&self, column: &str) -> sqlx::Result<Option<String>>;
    fn id(&self, column: &str) -> sqlx::Result<Option<Uuid>>;
    fn instant(&self, column: &str) -> sqlx::Result<Option<DateTime<Utc>>>;
    fn json(&self, column: &str) -> sqlx::Result<Option<Value>>;
    /// A whole number of any width.
    fn number(&self, column: &str) -> sqlx::Result<Option<i64>>;
    /// A condition; null is false.
    fn flag(&self, column: &str) -> sqlx::Result<bool>;

    /// A number that is never negative, kept in a signed column.
    fn count(&self, column: &str) -> sqlx::Result<u32> {
        let number = need(column, self.number(column)?)?;
        Ok(u32::try_from(number).unwrap_or(0))
    }
}

/// What must not be null.
pub(crate) fn need<T>(column: &str, value: Option<T>) -> sqlx::Result<T> {
    value.ok_or_else(|| fault(column, "it is null"))
}

/// A JSON column as what it stands for.
pub(crate) fn document<T: DeserializeOwned>(row: &impl Columns, column: &str) -> sqlx::Result<T> {
    let json = need(column, row.json(column)?)?;
    serde_json::from_value(json).map_err(|error| fault(column, error))
}

pub(super) fn fault(
    column: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: source.into(),
    }
}

/// A row of whichever database.
pub(crate) enum Row {
    #[cfg(feature = "mysql")]
    Mysql(sqlx::mysql::MySqlRow),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
}

macro_rules! delegate {
    ($($method:ident -> $result:ty;)*) => {$(
        fn $method(&self, column: &str) -> sqlx::Result<$result> {
            match self {
                #[cfg(feature = "mysql")]
                Self::Mysql(row) => row.$method(column),
                #[cfg(feature = "postgres")]
                Self::Postgres(row) => row.$method(column),
                #[cfg(feature = "sqlite")]
                Self::Sqlite(row) => row.$method(column),
            }
        }
    )*};
}

impl Columns for Row {
    delegate! {
        text -> Option<String>;
        id -> Option<Uuid>;
        instant -> Option<DateTime<Utc>>;
        json -> Option<Value>;
        number -> Option<i64>;
        flag -> bool;
    }
}

macro_rules! from_row {
    ($feature:literal, $variant:ident, $row:ty) => {
        #[cfg(feature = $feature)]
        impl From<$row> for Row {
            fn from(row: $row) -> Self {
                Self::$variant(row)
            }
        }
    };
}

from_row!("mysql", Mysql, sqlx::mysql::MySqlRow);
from_row!("postgres", Postgres, sqlx::postgres::PgRow);
from_row!("sqlite", Sqlite, sqlx::sqlite::SqliteRow);
