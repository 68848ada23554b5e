//! What the tests share: three databases, two models, five ways to save.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic
)]

pub mod failing;
pub mod interleaved;
pub mod models;
pub mod paths;
pub mod statements;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};
use std::time::Duration;
use uuid::Uuid;

pub use models::{line, order, ticket};
pub use paths::{PATHS, Path};

/// SQLite's queue for the write lock is not fair: of sixteen writers on a busy machine one may wait for long.
const BUSY: Duration = Duration::from_secs(60);

/// A fresh migrated database, gone with the test.
pub struct TestDb {
    pub db: DatabaseConnection,
    kind: Kind,
}

enum Kind {
    Sqlite(tempfile::TempDir),
    /// The schema.
    Postgres(String),
    /// The database.
    MariaDb(String),
}

impl TestDb {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = ConnectOptions::new(format!(
            "sqlite://{}?mode=rwc",
            dir.path().join("test.db").display()
        ));
        options
            .max_connections(20)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .busy_timeout(BUSY)
                    .pragma("journal_mode", "WAL")
                    .pragma("synchronous", "OFF")
            });
        let db = Database::connect(options).await.unwrap();
        Self::migrated(db, Kind::Sqlite(dir)).await
    }

    pub async fn postgres() -> Self {
        let schema = format!("follow_{}", Uuid::new_v4().simple());
        let mut options = ConnectOptions::new(postgres_url());
        options.max_connections(20).sqlx_logging(false);
        options.set_schema_search_path(schema.clone());
        let db = Database::connect(options).await.unwrap();
        db.execute_unprepared(&format!("CREATE SCHEMA {schema}"))
            .await
            .unwrap();
        Self::migrated(db, Kind::Postgres(schema)).await
    }

    pub async fn mariadb() -> Self {
        let name = format!("follow_{}", Uuid::new_v4().simple());
        let server = Database::connect(mariadb_options(None)).await.unwrap();
        let create = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
        server.execute_unprepared(&create).await.unwrap();
        server.close().await.unwrap();
        let mut options = mariadb_options(Some(&name));
        options.max_connections(20);
        let db = Database::connect(options).await.unwrap();
        Self::migrated(db, Kind::MariaDb(name)).await
    }

    async fn migrated(db: DatabaseConnection, kind: Kind) -> Self {
        celerysalt_migrations::sea_orm::up(&db).await.unwrap();
        for sql in models::tables(db.get_database_backend()) {
            db.execute_unprepared(sql).await.unwrap();
        }
        Self { db, kind }
    }

    /// A second pool on the same database, as another process has it.
    pub async fn another(&self) -> DatabaseConnection {
        let mut options = match &self.kind {
            Kind::Sqlite(dir) => {
                ConnectOptions::new(format!("sqlite://{}", dir.path().join("test.db").display()))
            }
            Kind::Postgres(schema) => {
                let mut options = ConnectOptions::new(postgres_url());
                options.set_schema_search_path(schema.clone());
                options
            }
            Kind::MariaDb(name) => mariadb_options(Some(name)),
        };
        options
            .sqlx_logging(false)
            .max_connections(4)
            .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(BUSY));
        Database::connect(options).await.unwrap()
    }

    /// A pool on the same PostgreSQL database whose transactions are serializable unless told.
    pub async fn serializable(&self) -> DatabaseConnection {
        let Kind::Postgres(schema) = &self.kind else {
            panic!("only PostgreSQL refuses to serialize");
        };
        let mut options = ConnectOptions::new(postgres_url());
        options.sqlx_logging(false).max_connections(8);
        options.set_schema_search_path(schema.clone());
        options.map_sqlx_postgres_opts(|postgres| {
            postgres.options([("default_transaction_isolation", "serializable")])
        });
        Database::connect(options).await.unwrap()
    }

    pub async fn end(self) {
        let drop = match &self.kind {
            Kind::Sqlite(_) => None,
            Kind::Postgres(schema) => Some(format!("DROP SCHEMA {schema} CASCADE")),
            Kind::MariaDb(name) => Some(format!("DROP DATABASE {name}")),
        };
        if let Some(drop) = drop {
            self.db.execute_unprepared(&drop).await.unwrap();
        }
        self.db.close().await.unwrap();
    }
}

fn postgres_url() -> String {
    url_of("CELERYSALT_TEST_POSTGRES_URL")
}

fn mariadb_options(database: Option<&str>) -> ConnectOptions {
    let url = url_of("CELERYSALT_TEST_MARIADB_URL");
    let url = match (database, url.rsplit_once('/')) {
        (Some(name), Some((server, _))) => format!("{server}/{name}"),
        _ => url,
    };
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false);
    options
}

fn url_of(name: &str) -> String {
    if let Ok(url) = std::env::var(name) {
        return url;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services/env");
    let services = std::fs::read_to_string(file).unwrap_or_default();
    let line = services
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no server: set {name}, or run `cargo xtask services up`"))
        .trim_matches('"')
        .to_owned()
}

/// An event in the outbox.
#[derive(Debug, Clone)]
pub struct Fired {
    pub id: String,
    pub topic: String,
    pub payload: serde_json::Value,
    pub meta: serde_json::Value,
    pub aggregate: Option<String>,
}

/// The outbox, in order.
pub async fn outbox<C: ConnectionTrait>(db: &C) -> Vec<Fired> {
    let id = as_text(db, "id");
    let sql = format!(
        "SELECT {id} AS id, topic, payload, meta, aggregate FROM celerysalt_outbox ORDER BY seq"
    );
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await
        .unwrap();
    let read = |row: &sea_orm::QueryResult| Fired {
        id: row.try_get("", "id").unwrap(),
        topic: row.try_get("", "topic").unwrap(),
        payload: row.try_get("", "payload").unwrap(),
        meta: row.try_get("", "meta").unwrap(),
        aggregate: row.try_get("", "aggregate").unwrap(),
    };
    rows.iter().map(read).collect()
}

/// The topics in the outbox, in order.
pub async fn topics<C: ConnectionTrait>(db: &C) -> Vec<String> {
    outbox(db)
        .await
        .into_iter()
        .map(|fired| fired.topic)
        .collect()
}

pub async fn count<C: ConnectionTrait>(db: &C, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

/// The rules column of an order as it stands in the database.
pub async fn stored_rules<C: ConnectionTrait>(db: &C, order: i32) -> String {
    let rules = as_text(db, "on_change_rules");
    let sql = format!("SELECT {rules} AS r FROM orders WHERE id = {order}");
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "r").unwrap()
}

fn as_text<C: ConnectionTrait>(db: &C, column: &str) -> String {
    let text = if is_mysql(db) { "char" } else { "text" };
    format!("CAST({column} AS {text})")
}

/// What a rules column is on this database.
pub fn json_type<C: ConnectionTrait>(db: &C) -> &'static str {
    match db.get_database_backend() {
        DbBackend::Postgres => "jsonb",
        DbBackend::MySql => "json",
        _ => "text",
    }
}

pub fn is_mysql<C: ConnectionTrait>(db: &C) -> bool {
    db.get_database_backend() == DbBackend::MySql
}

pub fn is_sqlite<C: ConnectionTrait>(db: &C) -> bool {
    db.get_database_backend() == DbBackend::Sqlite
}

pub fn is_postgres<C: ConnectionTrait>(db: &C) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

/// Runs each test on each database.
#[macro_export]
macro_rules! on_each {
    ($($(#[$attr:meta])* async fn $name:ident($db:ident: &TestDb) $body:block)+) => {
        $(
            $(#[$attr])*
            async fn $name($db: &support::TestDb) $body
        )+

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    let test = super::support::TestDb::sqlite().await;
                    super::$name(&test).await;
                    test.end().await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    let test = super::support::TestDb::postgres().await;
                    super::$name(&test).await;
                    test.end().await;
                }
            )+
        }

        mod mariadb {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    let test = super::support::TestDb::mariadb().await;
                    super::$name(&test).await;
                    test.end().await;
                }
            )+
        }
    };
}
