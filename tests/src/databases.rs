//! A fresh, migrated database per test, on every database that the tests run on.

use std::path::PathBuf;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use tempfile::TempDir;
use uuid::Uuid;

/// What a `crash-child` calls itself at the server.
const CHILD: &str = "crash-child";

/// A database of a test's own.
pub struct TestDatabase {
    /// Its URL, for child processes.
    pub url: String,
    _folder: Option<TempDir>,
    admin: Option<(String, String)>,
}

/// Both databases, freshly made.
pub async fn all() -> Vec<(&'static str, TestDatabase)> {
    vec![
        ("sqlite", TestDatabase::sqlite().await),
        ("postgres", TestDatabase::postgres().await),
    ]
}

impl TestDatabase {
    /// A SQLite file in a temporary folder.
    pub async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("test.sqlite").display()
        );
        let database = Self {
            url,
            _folder: Some(folder),
            admin: None,
        };
        database.create_tables().await;
        database
    }

    /// A database on the PostgreSQL server that the tests were given.
    pub async fn postgres() -> Self {
        let server = postgres_url();
        let name = format!("t_{}", Uuid::new_v4().simple());
        let admin = Database::connect(&server).await.unwrap();
        admin
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        admin.close().await.unwrap();
        let (base, _) = server
            .rsplit_once('/')
            .expect("a PostgreSQL URL ends in /database");
        let database = Self {
            url: format!("{base}/{name}"),
            _folder: None,
            admin: Some((server, name)),
        };
        database.create_tables().await;
        database
    }

    /// A pool on it.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// Its URL for a `crash-child`: on PostgreSQL the child's connections can be told from others.
    pub fn child_url(&self) -> String {
        match self.admin {
            Some(_) => format!("{}?application_name={CHILD}", self.url),
            None => self.url.clone(),
        }
    }

    /// Drops the database. (A SQLite file goes with its folder.)
    pub async fn drop_database(self) {
        if let Some((server, name)) = &self.admin {
            let admin = Database::connect(server).await.unwrap();
            admin
                .execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)"))
                .await
                .unwrap();
            admin.close().await.unwrap();
        }
    }

    async fn create_tables(&self) {
        let db = self.connect().await;
        celerysalt_migrations::sea_orm::up(&db).await.unwrap();
        db.execute_unprepared(crate::order::ddl(db.get_database_backend()))
            .await
            .unwrap();
        db.close().await.unwrap();
    }
}

/// A pool on a test's database, with every statement reported to `tracing`.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(20)
        .sqlx_logging(true)
        .sqlx_logging_level(tracing_level())
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .busy_timeout(Duration::from_secs(30))
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        });
    Database::connect(options).await.unwrap()
}

/// Ends when the server has noticed that the child is dead: until then its transaction holds locks.
pub async fn until_child_is_gone(db: &DatabaseConnection) {
    if is_sqlite(db) {
        return;
    }
    let sessions = format!(
        "SELECT 1 AS one FROM pg_stat_activity WHERE application_name = '{CHILD}' AND datname = current_database()"
    );
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), sessions);
    while db.query_one_raw(statement.clone()).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether a connection is to SQLite.
pub fn is_sqlite(db: &DatabaseConnection) -> bool {
    db.get_database_backend() == DbBackend::Sqlite
}

fn tracing_level() -> log::LevelFilter {
    log::LevelFilter::Debug
}

/// The PostgreSQL server of the tests: from the environment, or as `cargo xtask services up` wrote it down.
pub fn postgres_url() -> String {
    const KEY: &str = "CELERYSALT_TEST_POSTGRES_URL";
    if let Ok(url) = std::env::var(KEY) {
        return url;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/services/env");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(KEY)?.strip_prefix('='))
        .unwrap_or_else(|| {
            panic!("no PostgreSQL for the tests: run `cargo xtask services up`, or set {KEY}")
        })
        .to_owned()
}
