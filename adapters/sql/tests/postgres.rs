//! The outbox in PostgreSQL: the conformance kit, and what only PostgreSQL does.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
#[macro_use]
mod outbox_cases;

use std::time::Duration;

use celerysalt::outbox::{Backoff, Destination, OutboxEvent, Relay};
use chrono::Utc;

outbox_cases!(
    Postgres, postgres,
    damage: ["meta = '{\"depth\": \"deep\"}'"],
    mend: "meta = '{}'",
    refuse: "ALTER TABLE celerysalt_dead_letters ADD CHECK (attempts < 4)"
);

/// A relay that has locked the head of an aggregate, but not yet claimed it, is not overtaken.
#[tokio::test]
async fn a_locked_head_is_not_overtaken() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let events = [event("a", 1), event("a", 2), event("b", 3)];
    outbox.append(&events, start()).await.unwrap();
    let mut other = database.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM celerysalt_outbox WHERE id = $1 FOR UPDATE")
        .bind(events[0].id)
        .execute(&mut *other)
        .await
        .unwrap();
    let claimed = outbox.claim(10, start(), LEASE).await.unwrap();
    let ids: Vec<_> = claimed.iter().map(|e| e.envelope.id).collect();
    assert_eq!(ids, [events[2].id]);
    other.rollback().await.unwrap();
    let claimed = outbox.claim(10, start(), LEASE).await.unwrap();
    assert_eq!(claimed.len(), 2);
    drop(outbox);
    database.close().await;
}

#[tokio::test]
async fn is_woken_by_what_another_connection_writes() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    // The first ring says that it listens now.
    outbox.changed().await;
    let writer = SqlOutbox::postgres(database.pool.clone());
    let within = Duration::from_secs(60);
    for number in 0..2 {
        // A ring is kept for one who comes late; only a new one is to count.
        while tokio::time::timeout(Duration::ZERO, outbox.changed())
            .await
            .is_ok()
        {}
        let waiting = outbox.clone();
        let woken = tokio::spawn(async move { waiting.changed().await });
        writer.append(&[event("", number)], start()).await.unwrap();
        tokio::time::timeout(within, woken).await.unwrap().unwrap();
        // The listening connection is killed by the server; it comes back and rings.
        run(
            &database.pool,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                .into(),
        )
        .await;
        tokio::time::timeout(within, outbox.changed())
            .await
            .unwrap();
    }
    drop((outbox, writer));
    database.close().await;
}

/// Takes every event.
struct Taker;

#[async_trait::async_trait]
impl Destination for Taker {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let settle = |_| Settlement::Delivered { dead: Vec::new() };
        batch.into_iter().map(settle).collect()
    }
}

/// The server goes away under a running relay and comes back: the relay needs no restart.
#[tokio::test]
async fn a_relay_outlives_an_outage_of_the_server() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let short = Backoff {
        first: Duration::from_millis(10),
        max: Duration::from_millis(100),
        jitter: false,
    };
    let relay = Relay::builder(Arc::new(outbox.clone()), Arc::new(Taker))
        .poll(Duration::from_millis(20))
        .backoff(short)
        .build();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move { relay.run(async { drop(stopped.await) }).await });
    for number in 1..4 {
        outbox
            .append(&[event("a", number)], Utc::now())
            .await
            .unwrap();
        until(async || outbox.status().await.is_ok_and(|s| s.delivered == number)).await;
        database
            .outage(until(async || outbox.status().await.is_err()))
            .await;
        until(async || outbox.status().await.is_ok()).await;
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    drop(outbox);
    database.close().await;
}

async fn until(so: impl AsyncFn() -> bool) {
    let wait = async {
        while !so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}
