//! Orders in PostgreSQL when `CELERYSALT_DATABASE_URL` names one, else in a SQLite file in this folder; each as one JSON
//! document.

use std::sync::Arc;

use celerysalt::clock::{Clock, SystemClock};
use celerysalt::history::Transition;
use celerysalt::outbox::{OutboxError, SharedOutbox};
use celerysalt_migrations::{Dialect, sqlx::migrator};
use celerysalt_plain::{Fired, Follow};
use celerysalt_sql::{HistoryError, SqlOutbox, history, postgres, sqlite};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};
use uuid::Uuid;

use crate::order::Order;

const FILE: &str = "orders-plain.sqlite";

const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS documents (id text PRIMARY KEY, document text NOT NULL)";
const READ: &str = "SELECT document FROM documents WHERE id = $1";
const WRITE: &str = "INSERT INTO documents (id, document) VALUES ($1, $2)
     ON CONFLICT (id) DO UPDATE SET document = excluded.document";

/// Where orders live.
pub enum Store {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum StoreError {
    Database(#[from] sqlx::Error),
    Migration(#[from] sqlx::migrate::MigrateError),
    Document(#[from] serde_json::Error),
    Outbox(#[from] OutboxError),
    History(#[from] HistoryError),
}

impl Store {
    /// Connects, and creates the tables that are missing.
    pub async fn open() -> Result<Self, StoreError> {
        if let Ok(url) = std::env::var("CELERYSALT_DATABASE_URL") {
            let pool = PgPool::connect(&url).await?;
            migrator(Dialect::Postgres).run(&pool).await?;
            sqlx::query(TABLE).execute(&pool).await?;
            return Ok(Self::Postgres(pool));
        }
        let file = SqliteConnectOptions::new().filename(FILE);
        let pool = SqlitePool::connect_with(file.create_if_missing(true)).await?;
        migrator(Dialect::Sqlite).run(&pool).await?;
        sqlx::query(TABLE).execute(&pool).await?;
        Ok(Self::Sqlite(pool))
    }

    /// The events that are to be delivered, for the relay.
    pub fn outbox(&self) -> SharedOutbox {
        Arc::new(match self {
            Self::Sqlite(pool) => SqlOutbox::sqlite(pool.clone()),
            Self::Postgres(pool) => SqlOutbox::postgres(pool.clone()),
        })
    }

    /// Stores the order, its events and its history in one transaction: all, or nothing.
    pub async fn persist(&self, order: &Order, fired: &Fired) -> Result<(), StoreError> {
        let (id, document) = (order.id.to_string(), serde_json::to_string(order)?);
        match self {
            Self::Sqlite(pool) => {
                // It takes the write lock at once: nobody writes between this transaction's statements.
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let write = sqlx::query(WRITE).bind(id).bind(document);
                write.execute(&mut *tx).await?;
                sqlite::append_in(&mut tx, fired, SystemClock.now()).await?;
                history::append_in(&mut tx, fired.transitions()).await?;
                tx.commit().await?;
            }
            Self::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                let write = sqlx::query(WRITE).bind(id).bind(document);
                write.execute(&mut *tx).await?;
                postgres::append_in(&mut tx, fired, SystemClock.now()).await?;
                history::append_in(&mut tx, fired.transitions()).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// The order as it is stored.
    pub async fn load(&self, id: Uuid) -> Result<Order, StoreError> {
        let id = id.to_string();
        let document: String = match self {
            Self::Sqlite(pool) => sqlx::query_scalar(READ).bind(id).fetch_one(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(READ).bind(id).fetch_one(pool).await?,
        };
        Ok(serde_json::from_str(&document)?)
    }

    /// What happened to an order, oldest first.
    pub async fn history(&self, order: &Order) -> Result<Vec<Transition>, StoreError> {
        let newest_first = history::of_row(order.aggregate());
        let mut told = match self {
            Self::Sqlite(pool) => newest_first.read(&mut *pool.acquire().await?).await?,
            Self::Postgres(pool) => newest_first.read(&mut *pool.acquire().await?).await?,
        };
        told.reverse();
        Ok(told)
    }
}
