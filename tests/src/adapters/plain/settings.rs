//! How the user's store connects, by the database.

use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

pub(super) fn sqlite(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .busy_timeout(Duration::from_secs(30))
        .synchronous(SqliteSynchronous::Off)
        .journal_mode(SqliteJournalMode::Wal)
}

pub(super) fn postgres(options: PgConnectOptions) -> PgConnectOptions {
    options
}

pub(super) fn mariadb(options: MySqlConnectOptions) -> MySqlConnectOptions {
    options
}
