//! SQLite files.

use celerysalt_migrations::{Dialect, sqlx::migrator};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

/// A file of its own, gone with the test.
pub struct Sqlite {
    pub pool: SqlitePool,
    _folder: tempfile::TempDir,
}

impl Sqlite {
    pub async fn fresh() -> Self {
        let this = Self::empty().await;
        migrator(Dialect::Sqlite).run(&this.pool).await.unwrap();
        this
    }

    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("test.db"))
            .journal_mode(SqliteJournalMode::Wal)
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        Self {
            pool,
            _folder: folder,
        }
    }
}
