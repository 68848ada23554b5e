//! A fresh, migrated database per test, on every database that the tests run on.

mod server;
mod sessions;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::outbox::SharedOutbox;
use celerysalt::rule_table::RuleTable;
use celerysalt_sql::{SqlOutbox, SqlRules};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use tempfile::TempDir;

use server::ServerDatabase;
pub use server::postgres_url;
pub use sessions::Sessions;

/// A database's make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file in a temporary folder.
    Sqlite,
    /// A database on the PostgreSQL server that the tests were given.
    Postgres,
    /// A database on the MariaDB server that the tests were given.
    MariaDb,
}

/// Every database.
pub const KINDS: [Kind; 3] = [Kind::Sqlite, Kind::Postgres, Kind::MariaDb];

/// A database of a test's own.
pub struct TestDatabase {
    /// Its make.
    pub kind: Kind,
    /// Its URL, for child processes too.
    pub url: String,
    _folder: Option<TempDir>,
    on_server: Option<ServerDatabase>,
}

impl TestDatabase {
    /// A database with CelerySalt's tables and these.
    pub async fn new(kind: Kind, tables: &str) -> Self {
        let database = match kind {
            Kind::Sqlite => Self::file(),
            Kind::Postgres | Kind::MariaDb => Self::on_server(ServerDatabase::create(kind).await),
        };
        let db = database.connect().await;
        celerysalt_migrations::sea_orm::up(&db).await.unwrap();
        db.execute_unprepared(tables).await.unwrap();
        db.close().await.unwrap();
        database
    }

    /// A SQLite file with CelerySalt's tables and SeaORM's orders.
    pub async fn sqlite() -> Self {
        Self::of_sea_orm(Kind::Sqlite).await
    }

    /// A PostgreSQL database with CelerySalt's tables and SeaORM's orders.
    pub async fn postgres() -> Self {
        Self::of_sea_orm(Kind::Postgres).await
    }

    /// A MariaDB database with CelerySalt's tables and SeaORM's orders.
    pub async fn mariadb() -> Self {
        Self::of_sea_orm(Kind::MariaDb).await
    }

    async fn of_sea_orm(kind: Kind) -> Self {
        Self::new(kind, crate::adapters::sea_orm::tables(kind)).await
    }

    fn file() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("test.sqlite");
        Self {
            kind: Kind::Sqlite,
            url: format!("sqlite://{}?mode=rwc", file.display()),
            _folder: Some(folder),
            on_server: None,
        }
    }

    fn on_server(database: ServerDatabase) -> Self {
        Self {
            kind: database.kind,
            url: database.url(),
            _folder: None,
            on_server: Some(database),
        }
    }

    /// A pool on it.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// Drops the database. (A SQLite file goes with its folder.)
    pub async fn drop_database(&self) {
        if let Some(database) = &self.on_server {
            database.drop_database().await;
        }
    }
}

/// A pool on a test's database, with every statement reported to `tracing`.
pub async fn connect(url: &str) -> DatabaseConnection {
    connect_some(url, 10).await
}

/// A pool of at most so many connections.
pub async fn connect_some(url: &str, connections: u32) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Debug)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .busy_timeout(Duration::from_secs(30))
                .synchronous(sqlx::sqlite::SqliteSynchronous::Off)
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        });
    Database::connect(options).await.unwrap()
}

/// The outbox of a pool's database.
pub fn outbox(db: &DatabaseConnection) -> SharedOutbox {
    match db.get_database_backend() {
        DbBackend::Sqlite => Arc::new(SqlOutbox::sqlite(db.get_sqlite_connection_pool().clone())),
        DbBackend::MySql => Arc::new(SqlOutbox::mysql(db.get_mysql_connection_pool().clone())),
        _ => Arc::new(SqlOutbox::postgres(
            db.get_postgres_connection_pool().clone(),
        )),
    }
}

/// The table of rules in a pool's database.
pub fn rules(db: &DatabaseConnection) -> RuleTable {
    RuleTable::new(Arc::new(match db.get_database_backend() {
        DbBackend::Sqlite => SqlRules::sqlite(db.get_sqlite_connection_pool().clone()),
        DbBackend::MySql => SqlRules::mysql(db.get_mysql_connection_pool().clone()),
        _ => SqlRules::postgres(db.get_postgres_connection_pool().clone()),
    }))
}

/// Whether a connection is to SQLite.
pub fn is_sqlite(db: &DatabaseConnection) -> bool {
    db.get_database_backend() == DbBackend::Sqlite
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MariaDb => "mariadb",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = KINDS.into_iter().find(|kind| kind.to_string() == name);
        found.ok_or_else(|| format!("no database is called {name}"))
    }
}
