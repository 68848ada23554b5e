//! Plain structs: `Tracked` orders, whose `persist` writes row and events in one transaction through sqlx.

mod settings;
mod store;

use std::sync::Arc;

use celerysalt::outbox::OutboxError;
use celerysalt::rules::Rules;
use celerysalt_plain::SaveError;
use celerysalt_sql::HistoryError;
use futures::future::LocalBoxFuture;

use super::Adapter;
use crate::databases::{KINDS, Kind};
use crate::fixture::{Failure, Fixture, Need};
use crate::order::{Change, Order};

/// `Tracked` with the user's own `persist`, from what the caller remembers: for those who are alone with their row.
pub(super) const PLAIN: Adapter = Adapter {
    name: "plain",
    databases: &KINDS,
    tables,
    lacks: |kind, need| match need {
        Need::LockedRow => {
            Some("a plain struct is followed from memory; the lock on its row is the user's own")
        }
        _ => lacks(kind, need),
    },
    open: |kind, url| open(kind, url, OldRow::Remembered),
};

/// `Tracked` by those who are not alone: they lock and load the row, and change what they loaded.
pub(super) const LOCKED: Adapter = Adapter {
    name: "plain-locked",
    databases: &KINDS,
    tables,
    lacks,
    open: |kind, url| open(kind, url, OldRow::Locked),
};

fn lacks(kind: Kind, need: Need) -> Option<&'static str> {
    match (kind, need) {
        (_, Need::Bulk) => Some("a plain struct is saved alone"),
        (_, Need::Check) => Some("a plain struct's table is the user's own"),
        (Kind::Postgres, Need::GoesOnAfterFailure) => Some(super::ABORTED),
        _ => None,
    }
}

/// What a save takes for the old row.
#[derive(Debug, Clone, Copy)]
enum OldRow {
    /// What the caller loaded some time before.
    Remembered,
    /// The row as it is, locked until the transaction ends.
    Locked,
}

impl OldRow {
    /// The row as the caller wants it. To the rules that stand, who was not alone does what was done to the loaded ones.
    fn changed(self, stored: &Order, change: Change) -> Order {
        let mut row = change.on(stored.clone());
        if matches!(self, Self::Locked) {
            row.on_change_rules = Rules::merge(&stored.on_change_rules, &row.on_change_rules);
        }
        row
    }
}

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

fn open(kind: Kind, url: String, old: OldRow) -> LocalBoxFuture<'static, Arc<dyn Fixture>> {
    Box::pin(async move {
        match kind {
            Kind::Sqlite => store::sqlite::open(&url, old).await,
            Kind::Postgres => store::postgres::open(&url, old).await,
            Kind::MariaDb => store::mariadb::open(&url, old).await,
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
