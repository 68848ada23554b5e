//! What sqlx's errors mean.

use celerysalt::outbox::OutboxError;
use celerysalt::rule_table::RuleStoreError;

/// Why the history could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The database is not reachable or failed.
    #[error("the history of models could not be written or read")]
    Store(#[from] sqlx::Error),
    /// The table is missing or of another version.
    #[error(
        "the table of transitions is not there; run the migrations of celerysalt-migrations (`celerysalt migrations print` shows them)"
    )]
    NotMigrated,
}

/// Undefined table, undefined column: PostgreSQL's, then MySQL's.
const MISSING: [&str; 4] = ["42P01", "42703", "42S02", "42S22"];
/// SQLite has no code of its own for these; the beginnings of its texts have not changed in decades.
const SQLITE_MISSING: [&str; 3] = [
    "no such table: celerysalt_",
    "no such column: ",
    "table celerysalt_",
];

pub(crate) fn store(error: sqlx::Error) -> OutboxError {
    if not_migrated(&error) {
        return OutboxError::NotMigrated;
    }
    OutboxError::Store(Box::new(error))
}

pub(crate) fn rules(error: sqlx::Error) -> RuleStoreError {
    if not_migrated(&error) {
        return RuleStoreError::NotMigrated;
    }
    RuleStoreError::Store(Box::new(error))
}

pub(crate) fn history(error: sqlx::Error) -> HistoryError {
    if not_migrated(&error) {
        return HistoryError::NotMigrated;
    }
    HistoryError::Store(error)
}

/// The user's handler speaks sqlx, so this is an error of sqlx's, with the remedy in it.
pub(crate) fn inbox(error: sqlx::Error) -> sqlx::Error {
    if not_migrated(&error) {
        const MISSING: &str = "the table celerysalt_inbox is not there; run the migrations of \
                               celerysalt-migrations (`celerysalt migrations print` shows them)";
        return sqlx::Error::Configuration(MISSING.into());
    }
    error
}

fn not_migrated(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    match error.code().as_deref() {
        Some("1") => SQLITE_MISSING
            .iter()
            .any(|start| error.message().starts_with(start)),
        Some(code) => MISSING.contains(&code),
        None => false,
    }
}
