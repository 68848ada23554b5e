//! Plain structs: `Tracked` orders, whose `persist` writes row and events in one transaction through sqlx.

mod settings;
mod store;

use std::sync::Arc;

use celerysalt::outbox::OutboxError;
use celerysalt_plain::SaveError;
use celerysalt_sql::HistoryError;
use futures::future::LocalBoxFuture;

use super::Adapter;
use crate::databases::{KINDS, Kind};
use crate::fixture::{Failure, Fixture, Need};

/// `Tracked` with the user's own `persist`.
pub(super) const PLAIN: Adapter = Adapter {
    name: "plain",
    databases: &KINDS,
    tables,
    lacks: |kind, need| match (kind, need) {
        (_, Need::LockedRow) => {
            Some("a plain struct is followed from memory; the lock on its row is the user's own")
        }
        (_, Need::Bulk) => Some("a plain struct is saved alone"),
        (Kind::Postgres, Need::GoesOnAfterFailure) => Some(super::ABORTED),
        _ => None,
    },
    open,
};

/// The user's own table: what they search for, and the rest as a document.
fn tables(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite | Kind::Postgres => {
            "CREATE TABLE orders (id TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, document TEXT NOT NULL,
             on_change_rules TEXT NOT NULL)"
        }
        Kind::MariaDb => {
            "CREATE TABLE orders (id CHAR(36) PRIMARY KEY, code VARCHAR(60) NOT NULL UNIQUE, document LONGTEXT NOT NULL,
             on_change_rules LONGTEXT NOT NULL)"
        }
    }
}

fn open(kind: Kind, url: String) -> LocalBoxFuture<'static, Arc<dyn Fixture>> {
    Box::pin(async move {
        match kind {
            Kind::Sqlite => store::sqlite::open(&url).await,
            Kind::Postgres => store::postgres::open(&url).await,
            Kind::MariaDb => store::mariadb::open(&url).await,
        }
    })
}

/// Why the user's `persist` fails.
#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            other => Self::Database(other.to_string()),
        }
    }
}

impl From<SaveError<StoreError>> for Failure {
    fn from(error: SaveError<StoreError>) -> Self {
        match error {
            SaveError::Persist(StoreError::Database(error)) => error.into(),
            SaveError::Follow(error) => Self::Refused(error.to_string()),
            other => Self::Database(other.to_string()),
        }
    }
}
