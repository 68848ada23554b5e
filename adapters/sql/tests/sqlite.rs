//! The outbox in SQLite: the conformance kit, and what only SQLite does.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::outbox::conformance::{Subject, event};
use celerysalt::outbox::{DeadLetterStore, OutboxError, OutboxStore, Settlement, SharedOutbox};
use celerysalt_sql::{SqlOutbox, sqlite::append_in};
use chrono::{DateTime, TimeDelta, Utc};
use databases::sqlite::Sqlite;

const LEASE: Duration = Duration::from_secs(30);

struct Fresh(Sqlite, SqlOutbox);

impl Subject for Fresh {
    async fn fresh() -> Self {
        let database = Sqlite::fresh().await;
        let outbox = SqlOutbox::sqlite(database.pool.clone());
        Self(database, outbox)
    }

    fn store(&self) -> SharedOutbox {
        Arc::new(self.1.clone())
    }

    fn dead(&self) -> Arc<dyn DeadLetterStore> {
        Arc::new(self.1.clone())
    }

    async fn close(self) {
        self.0.pool.close().await;
    }
}

celerysalt::outbox_conformance!(Fresh);

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

async fn execute(database: &Sqlite, sql: &'static str) {
    sqlx::query(sql).execute(&database.pool).await.unwrap();
}

#[tokio::test]
async fn a_corrupt_row_is_put_off_and_stops_its_aggregate_only() {
    for damage in [
        "UPDATE celerysalt_outbox SET payload = '{' WHERE seq = 1",
        "UPDATE celerysalt_outbox SET meta = '{\"depth\": []}' WHERE seq = 1",
        "UPDATE celerysalt_outbox SET progress = x'00ff' WHERE seq = 1",
        "UPDATE celerysalt_outbox SET id = '01980c2e-zzzz-7000-8000-000000000001' WHERE seq = 1",
    ] {
        let Fresh(database, outbox) = Fresh::fresh().await;
        let events = [event("a", 1), event("a", 2), event("b", 3)];
        outbox.append(&events, start()).await.unwrap();
        execute(&database, damage).await;
        let claimed = outbox.claim(10, start(), LEASE).await.unwrap();
        assert_eq!(claimed.len(), 1, "{damage}");
        assert_eq!(claimed[0].envelope, events[2]);
        let status = outbox.status().await.unwrap();
        assert_eq!((status.pending, status.retrying), (3, 1));
        let mend = "UPDATE celerysalt_outbox SET payload = '{}', meta = '{}', progress = '{}',
                    id = '01980c2e-0000-7000-8000-000000000001' WHERE seq = 1";
        execute(&database, mend).await;
        let later = start() + TimeDelta::minutes(5);
        let claimed = outbox.claim(10, later, LEASE).await.unwrap();
        assert_eq!(claimed.len(), 3, "mended; the third's lease is over");
        assert_eq!(claimed[1].envelope.id, events[1].id);
    }
}

#[tokio::test]
async fn says_that_the_tables_are_missing() {
    let database = Sqlite::empty().await;
    let outbox = SqlOutbox::sqlite(database.pool.clone());
    let results = [
        outbox.append(&[event("", 1)], start()).await,
        outbox.claim(1, start(), LEASE).await.map(drop),
        outbox.status().await.map(drop),
    ];
    for result in results {
        assert!(
            matches!(result, Err(OutboxError::NotMigrated)),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn appends_in_the_callers_transaction() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let many: Vec<_> = (0..4_100).map(|n| event("", n)).collect();
    let mut tx = database.pool.begin().await.unwrap();
    append_in(&mut tx, &many, start()).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(outbox.status().await.unwrap().pending, 0);
    let mut tx = database.pool.begin().await.unwrap();
    append_in(&mut tx, &many, start()).await.unwrap();
    append_in(&mut tx, &many[..3], start()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(outbox.status().await.unwrap().pending, 4_100);
}

#[tokio::test]
async fn a_settlement_whose_dead_letters_fail_leaves_the_event() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    outbox.append(&[event("", 1)], start()).await.unwrap();
    let held = outbox.claim(1, start(), LEASE).await.unwrap().remove(0);
    execute(
        &database,
        "CREATE TRIGGER refuse BEFORE INSERT ON celerysalt_dead_letters
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )
    .await;
    let dead = celerysalt::broker::DeadReason {
        handler: None,
        attempts: 4,
        error: "no".to_owned(),
    };
    let settled = [(held, Settlement::Delivered { dead: vec![dead] })];
    assert!(outbox.settle(&settled, start()).await.is_err());
    let status = outbox.status().await.unwrap();
    assert_eq!((status.pending, status.dead), (1, 0));
}

/// A relay that finds nothing to do takes no write lock.
#[tokio::test]
async fn an_idle_claim_does_not_wait_for_a_writer() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let writer = database.pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(outbox.claim(10, start(), LEASE).await.unwrap(), []);
    writer.rollback().await.unwrap();
}
