//! SQLite files.

use std::time::Duration;

use celerysalt_migrations::{Dialect, sqlx::migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, SqlitePool};

/// A file of its own, gone with the test.
pub struct Sqlite {
    pub pool: SqlitePool,
    pub url: String,
    _folder: tempfile::TempDir,
}

impl Sqlite {
    pub async fn fresh() -> Self {
        let this = Self::empty().await;
        migrator(Dialect::Sqlite).run(&this.pool).await.unwrap();
        this
    }

    pub async fn close(self) {
        self.pool.close().await;
    }

    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test.db");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            // Long: the queue for the write lock is not fair, and a machine may be busy.
            .busy_timeout(Duration::from_secs(60))
            .journal_mode(SqliteJournalMode::Wal)
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        Self {
            pool,
            url: file.to_str().unwrap().to_owned(),
            _folder: folder,
        }
    }
}

pub async fn run(pool: &SqlitePool, sql: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await;
    done.unwrap();
}
