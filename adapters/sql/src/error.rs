//! What sqlx's errors mean for the outbox.

use celerysalt::outbox::OutboxError;

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
