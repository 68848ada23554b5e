//! The migrations for sqlx.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::{Dialect, migrations};

/// The table in which the migrator of this crate keeps its history, beside that of your own migrator.
pub const HISTORY_TABLE: &str = "celerysalt_migrations";

/// A migrator that lives beside your own: it keeps its history in [`HISTORY_TABLE`].
///
/// `run` applies what is missing, `undo(&pool, 0)` takes everything back. A database that a newer version
/// of this crate has migrated is accepted, so that old and new processes may run side by side.
///
/// MySQL commits with every `CREATE TABLE`, so a run that is cut off there leaves its step marked as not done, and
/// sqlx refuses to go on ([`MigrateError::Dirty`](sqlx::migrate::MigrateError::Dirty)). Delete that row of the history
/// and run again: every statement may.
///
/// ```no_run
/// # async fn example(pool: sqlx::SqlitePool) -> Result<(), sqlx::migrate::MigrateError> {
/// use celerysalt_migrations::{Dialect, sqlx::migrator};
///
/// migrator(Dialect::Sqlite).run(&pool).await
/// # }
/// ```
pub fn migrator(dialect: Dialect) -> Migrator {
    let steps = migrations(dialect)
        .iter()
        .flat_map(|m| {
            [
                (MigrationType::ReversibleUp, m.up),
                (MigrationType::ReversibleDown, m.down),
            ]
            .map(|(kind, sql)| {
                Migration::new(m.version, m.name.into(), kind, sql.into_sql_str(), false)
            })
        })
        .collect();
    let mut migrator = Migrator::with_migrations(steps);
    // The warning in the method's name is about renaming the table of a history that exists.
    migrator.dangerous_set_table_name(HISTORY_TABLE);
    migrator.set_ignore_missing(true);
    migrator
}
