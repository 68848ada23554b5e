//! Who is connected to a test's database: a dead client holds its locks until the server has noticed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

/// A server that has not noticed by then never will.
const DEADLINE: Duration = Duration::from_secs(60);

/// The sessions of a database at one moment.
pub struct Sessions(HashSet<i64>);

impl Sessions {
    /// Those of now.
    pub async fn of(db: &DatabaseConnection) -> Self {
        Self(sessions(db).await)
    }

    /// Ends when the server knows no other session of this database any more.
    pub async fn until_alone(&self, db: &DatabaseConnection) {
        if super::is_sqlite(db) {
            return until_unlocked(db).await;
        }
        let started = Instant::now();
        while !sessions(db).await.is_subset(&self.0) {
            assert!(started.elapsed() < DEADLINE, "a session stays for ever");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn sessions(db: &DatabaseConnection) -> HashSet<i64> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => return HashSet::new(),
        DbBackend::Postgres => {
            "SELECT CAST(pid AS bigint) AS session FROM pg_stat_activity
             WHERE datname = current_database() AND backend_type = 'client backend'"
        }
        _ => {
            "SELECT CAST(id AS SIGNED) AS session FROM information_schema.processlist
             WHERE db = DATABASE()"
        }
    };
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "session").unwrap())
        .collect()
}

/// Ends when a writer who was on its way is through: then the write lock is free.
async fn until_unlocked(db: &DatabaseConnection) {
    let pool = db.get_sqlite_connection_pool();
    let lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    lock.rollback().await.unwrap();
}
