//! A save wakes the relay of its own process also where the database tells nobody (SQLite).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::outbox::{Destination, OutboxEvent, Relay, Settlement};
use celerysalt_tests::databases::TestDatabase;
use celerysalt_tests::outcome::outbox;
use celerysalt_tests::save::{self, ACTS, Path};
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

#[tokio::test]
async fn a_relay_does_not_wait_for_its_next_poll() {
    let database = TestDatabase::sqlite().await;
    let db = database.connect().await;
    let (delivered, mut events) = mpsc::unbounded_channel();
    let relay = Relay::builder(outbox(&db), Arc::new(Forward(delivered)))
        .poll(POLL)
        .build();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { relay.run(async { drop(stopped.await) }).await });
    for path in [Path::Follow, Path::Pool] {
        for act in ACTS {
            let id = Uuid::new_v4();
            save::prepare(&db, act, id).await;
            save::save(&db, path, act, id).await.unwrap();
            let delivered = tokio::time::timeout(AT_MOST, events.recv()).await;
            assert!(delivered.is_ok(), "{path:?} {act:?}: the relay sleeps on");
        }
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    db.close().await.unwrap();
}
