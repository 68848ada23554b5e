//! A save wakes the relay of its own process also where the database tells nobody (SQLite).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::outbox::{Destination, OutboxEvent, Relay, Settlement};
use celerysalt_tests::act::{ACTS, Form};
use celerysalt_tests::adapters::diesel::DIESEL;
use celerysalt_tests::adapters::sea_orm;
use celerysalt_tests::bench::Bench;
use celerysalt_tests::databases::{TestDatabase, outbox};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Much longer than the test may take.
const POLL: Duration = Duration::from_secs(3600);
const AT_MOST: Duration = Duration::from_secs(60);

struct Forward(mpsc::UnboundedSender<Uuid>);

#[async_trait]
impl Destination for Forward {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let settle = |event: OutboxEvent| {
            self.0.send(event.envelope.id).unwrap();
            Settlement::Delivered { dead: Vec::new() }
        };
        batch.into_iter().map(settle).collect()
    }
}

// Diesel blocks its thread, and the relay needs one meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_does_not_wait_for_its_next_poll() {
    let database = TestDatabase::sqlite().await;
    let db = database.connect().await;
    let (delivered, mut events) = mpsc::unbounded_channel();
    let relay = Relay::builder(outbox(&db), Arc::new(Forward(delivered)))
        .poll(POLL)
        .build();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { relay.run(async { drop(stopped.await) }).await });
    for adapter in [DIESEL, sea_orm::FOLLOW, sea_orm::POOL] {
        let bench = Bench::open(adapter, database.kind, database.url.clone(), None).await;
        for act in ACTS {
            let order = act.prepare(&bench).await;
            let save = act.run(&*bench.fixture, Form::Alone, order.id);
            save.await.unwrap();
            let delivered = tokio::time::timeout(AT_MOST, events.recv()).await;
            let name = adapter.name;
            assert!(delivered.is_ok(), "{name} {act:?}: the relay sleeps on");
        }
        bench.close().await;
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    db.close().await.unwrap();
}
