//! Row and events in one transaction of the user's own, on a SQLite file.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use celerysalt::model::Operation;
use celerysalt::outbox::{OutboxError, OutboxStore};
use celerysalt::rules::Rule;
use celerysalt_migrations::{Dialect, sqlx::migrator};
use celerysalt_plain::{Fired, SaveError, Tracked};
use celerysalt_sql::{SqlOutbox, sqlite::append_in};
use chrono::Utc;
use serde_json::json;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use support::{Order, ids, moved, order};

#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A file of its own, gone with the test.
struct Store {
    pool: SqlitePool,
    _folder: tempfile::TempDir,
}

impl Store {
    async fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("orders.sqlite"))
            .create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        migrator(Dialect::Sqlite).run(&pool).await.unwrap();
        let table = "CREATE TABLE orders (id INTEGER PRIMARY KEY, document TEXT NOT NULL CHECK (document ->> 'status' <> 'forbidden'))";
        sqlx::query(table).execute(&pool).await.unwrap();
        Self {
            pool,
            _folder: folder,
        }
    }

    /// The events first, so that a row that is refused has something to take back.
    async fn persist(&self, order: &Order, events: &Fired) -> Result<(), StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        append_in(&mut tx, events, Utc::now()).await?;
        let upsert = "INSERT INTO orders (id, document) VALUES (?1, ?2)
                      ON CONFLICT (id) DO UPDATE SET document = ?2";
        sqlx::query(upsert)
            .bind(i64::try_from(order.id).unwrap())
            .bind(serde_json::to_string(order)?)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn remove(&self, order: &Order, events: &Fired) -> Result<(), StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        append_in(&mut tx, events, Utc::now()).await?;
        sqlx::query("DELETE FROM orders WHERE id = ?1")
            .bind(i64::try_from(order.id).unwrap())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn load(&self) -> Option<Order> {
        let document: Option<String> = sqlx::query_scalar("SELECT document FROM orders")
            .fetch_optional(&self.pool)
            .await
            .unwrap();
        document.map(|document| serde_json::from_str(&document).unwrap())
    }

    /// What is in the outbox by the rule that fired it, oldest first.
    async fn fired(&self) -> Vec<String> {
        let rules = "SELECT json_extract(meta, '$.rule_id') FROM celerysalt_outbox ORDER BY seq";
        sqlx::query_scalar(rules)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn row_rules_and_events_are_committed_together_or_not_at_all() {
    let store = Store::fresh().await;
    let persist = async |order: &Order, fired: &Fired| store.persist(order, fired).await;
    let mut order = Tracked::new(order([
        moved("once", "paid"),
        moved("bad", "forbidden"),
        moved("ever", "paid").persistent(),
    ]));
    order.save_with(persist).await.unwrap();

    order.status = "forbidden".into();
    let error = order.save_with(persist).await.unwrap_err();
    assert!(
        matches!(error, SaveError::Persist(StoreError::Database(_))),
        "{error:?}"
    );
    assert_eq!(store.fired().await, Vec::<String>::new(), "rolled back");
    assert_eq!(store.load().await.unwrap().status, "new");
    assert_eq!(ids(&order.on_change_rules), ["once", "bad", "ever"]);

    order.status = "paid".into();
    order.save_with(persist).await.unwrap();
    order.save_with(persist).await.unwrap();
    assert_eq!(store.fired().await, ["once", "ever"]);
    let row = store.load().await.unwrap();
    assert_eq!(&row, &*order);
    assert_eq!(ids(&row.on_change_rules), ["bad", "ever"]);
}

#[tokio::test]
async fn what_is_loaded_goes_on_where_the_last_process_stopped() {
    let store = Store::fresh().await;
    let persist = async |order: &Order, fired: &Fired| store.persist(order, fired).await;
    let deleted = Rule::when(Order::STATUS)
        .not_null()
        .on([Operation::Delete])
        .emit::<support::Moved>(json!({"id": "{{ id }}", "to": "gone"}))
        .id("deleted");
    let mut first = Tracked::new(order([moved("once", "paid"), deleted]));
    first.save_with(persist).await.unwrap();
    drop(first);

    let mut second = Tracked::loaded(store.load().await.unwrap());
    second.status = "paid".into();
    second.save_with(persist).await.unwrap();
    drop(second);

    let mut third = Tracked::loaded(store.load().await.unwrap());
    third.save_with(persist).await.unwrap();
    assert_eq!(store.fired().await, ["once"]);
    let remove = async |order: &Order, fired: &Fired| store.remove(order, fired).await;
    third.delete_with(remove).await.unwrap();
    assert_eq!(store.fired().await, ["once", "deleted"]);
    assert_eq!(store.load().await, None);

    let outbox = SqlOutbox::sqlite(store.pool.clone());
    let claimed = outbox.claim(10, Utc::now(), Duration::from_secs(30));
    let claimed = claimed.await.unwrap();
    let to: Vec<_> = claimed
        .iter()
        .map(|event| &event.envelope.payload["to"])
        .collect();
    assert_eq!(to, ["paid", "gone"]);
}
