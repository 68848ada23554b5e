//! The outbox's relay over RabbitMQ: what cannot be routed is kept, and what breaks on the way loses nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{Broker, DeadSelection, QueueSpec};
use celerysalt::event::Envelope;
use celerysalt::outbox::{
    Backoff, DeadLetterStore, Drained, OutboxStore, Relay, RelayBuilder, SharedOutbox, ToBroker,
};
use celerysalt::testing::TestClock;
use celerysalt_amqp::AmqpBroker;
use celerysalt_sql::SqlOutbox;
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

use databases::postgres::Postgres;
use databases::sqlite::Sqlite;
use support::load::{Running, Tally, event, eventually};
use support::node::OwnNode;
use support::{Mesh, figures};

const EVENTS: usize = 601;
const IN_THE_MIDDLE: usize = 300;

fn relay(store: &SharedOutbox, broker: &AmqpBroker) -> RelayBuilder {
    // What failed while the broker was away is tried again soon after it is back.
    let backoff = Backoff {
        max: Duration::from_secs(2),
        ..Backoff::default()
    };
    let destination = ToBroker::new(Arc::new(broker.clone())).with_backoff(backoff);
    Relay::builder(Arc::clone(store), Arc::new(destination))
}

fn spec(queue: String, binding: &str) -> QueueSpec {
    QueueSpec {
        name: queue,
        bindings: vec![binding.to_owned()],
        max_priority: 10,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_unroutable_of_a_batch_is_kept_and_the_others_are_delivered_once_sqlite() {
    let database = Sqlite::fresh().await;
    let store = SqlOutbox::sqlite(database.pool.clone());
    one_unroutable_of_a_batch("SQLite", Arc::new(store)).await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_unroutable_of_a_batch_is_kept_and_the_others_are_delivered_once_postgres() {
    let database = Postgres::fresh().await;
    let store = SqlOutbox::postgres(database.pool.clone());
    one_unroutable_of_a_batch("PostgreSQL", Arc::new(store)).await;
    database.close().await;
}

async fn one_unroutable_of_a_batch(database: &str, store: SharedOutbox) {
    let mesh = Mesh::new();
    let (queue, late) = (mesh.name("svc"), mesh.name("late"));
    mesh.broker
        .declare(&spec(queue.clone(), "order.#"))
        .await
        .unwrap();
    let topic = |n| {
        if n == IN_THE_MIDDLE {
            "stock.moved"
        } else {
            "order.paid"
        }
    };
    let events: Vec<Envelope> = (0..EVENTS).map(|n| event(topic(n), n)).collect();
    store.append(&events, Utc::now()).await.unwrap();

    // One batch, which is one round of publishes in flight at a time.
    let one_batch = relay(&store, &mesh.broker).batch(EVENTS).build();
    let drained = one_batch.drain().await.unwrap();
    let expected = Drained {
        delivered: EVENTS as u64 - 1,
        unroutable: 1,
        ..Drained::default()
    };
    assert_eq!(drained, expected);
    let status = store.status().await.unwrap();
    assert_eq!((status.pending, status.unroutable, status.dead), (1, 1, 0));

    let tally = Tally::default();
    let worker = Running::start(&mesh.broker, &queue, vec![tally.handler("order.#")]);
    let mut routed: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
    routed.remove(&events[IN_THE_MIDDLE].id);
    tally.until(&routed).await;
    assert_eq!((tally.events(), tally.again()), (EVENTS - 1, 0));

    // Once somebody is bound for it, it is delivered, and nothing else.
    mesh.broker
        .declare(&spec(late.clone(), "stock.#"))
        .await
        .unwrap();
    let later = TestClock::at(Utc::now() + TimeDelta::minutes(5));
    let later = relay(&store, &mesh.broker).clock(Arc::new(later)).build();
    let drained = later.drain().await.unwrap();
    assert_eq!((drained.delivered, drained.unroutable), (1, 0));
    let kept = Tally::default();
    let other = Running::start(&mesh.broker, &late, vec![kept.handler("stock.#")]);
    kept.until(&BTreeSet::from([events[IN_THE_MIDDLE].id]))
        .await;
    assert_eq!((tally.again(), kept.again()), (0, 0));
    figures(format_args!(
        "{database}: of {EVENTS} events in one batch number {IN_THE_MIDDLE} was unroutable, and it alone was kept; {} were \
         delivered once each; it was delivered once its queue was bound",
        tally.events()
    ));
    worker.stop().await;
    other.stop().await;
    mesh.remove(&[queue, late]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_written_rests_among_the_outboxs_dead_letters() {
    let database = Sqlite::fresh().await;
    let store = Arc::new(SqlOutbox::sqlite(database.pool.clone()));
    let mesh = Mesh::new();
    let queue = mesh.name("svc");
    let bound = mesh.broker.declare(&spec(queue.clone(), "order.#")).await;
    bound.unwrap();
    let mut events: Vec<Envelope> = (0..3).map(|n| event("order.paid", n)).collect();
    for event in &mut events {
        event.meta.aggregate = Some("order:1".to_owned());
    }
    events[0].payload["_tchu_meta"] = "a field of the user's".into();
    store.append(&events, Utc::now()).await.unwrap();

    let shared: SharedOutbox = store.clone();
    let drained = relay(&shared, &mesh.broker).build().drain().await.unwrap();
    assert_eq!((drained.dead, drained.again), (1, 0));
    let letters = store.dead_letters(&DeadSelection::All, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].envelope, events[0], "kept as it is");
    let error = &letters[0].reason.error;
    assert!(
        error.contains("_tchu_meta") && error.contains("rename"),
        "{error}"
    );

    let tally = Tally::default();
    let worker = Running::start(&mesh.broker, &queue, vec![tally.handler("order.#")]);
    let later = events[1..].iter().map(|event| event.id).collect();
    tally.until(&later).await;
    worker.stop().await;
    database.close().await;
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_whose_connections_are_closed_and_whose_broker_is_killed_loses_nothing() {
    let database = Postgres::fresh().await;
    let store: SharedOutbox = Arc::new(SqlOutbox::postgres(database.pool.clone()));
    let mut node = OwnNode::start();
    let broker = node.builder().build();
    broker
        .declare(&spec("svc".to_owned(), "order.#"))
        .await
        .unwrap();
    let tally = Tally::default();
    let worker = Running::start(
        &node.builder().build(),
        "svc",
        vec![tally.handler("order.#")],
    );
    let relaying = Relaying::start(relay(&store, &broker).batch(64).build());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let saving = tokio::spawn(save(Arc::clone(&store), tally.clone(), stopped));

    for round in 0..4 {
        let before = tally.events();
        eventually("events are handled", async || tally.events() > before + 100).await;
        tokio::task::block_in_place(|| match round {
            3 => {
                node.kill();
                node.up();
            }
            _ => node.close_connections(),
        });
    }
    stop.send_replace(true);
    let expected = saving.await.unwrap();
    tally.until(&expected).await;
    eventually("the outbox is empty", async || {
        store.status().await.unwrap().pending == 0
    })
    .await;

    figures(format_args!(
        "relay from PostgreSQL to RabbitMQ, all connections closed 3 times, the broker killed once: {} events saved, \
         {} handled, {} deliveries more than once",
        expected.len(),
        tally.events(),
        tally.again()
    ));
    let status = store.status().await.unwrap();
    assert_eq!(status.delivered, expected.len() as u64, "{status:?}");
    assert_eq!(tally.events(), expected.len(), "events that nobody saved");
    relaying.stop().await;
    worker.stop().await;
    drop(store);
    database.close().await;
}

/// Stores events as savers do, until told, a little ahead of what is handled.
async fn save(
    store: SharedOutbox,
    handled: Tally,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> BTreeSet<Uuid> {
    let mut saved = BTreeSet::new();
    while !*stopped.borrow() {
        if saved.len() < handled.events() + 200 {
            let events: Vec<Envelope> = (0..20).map(|n| event("order.paid", n)).collect();
            saved.extend(events.iter().map(|event| event.id));
            store.append(&events, Utc::now()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    saved
}

/// A relay that runs until told.
struct Relaying {
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Relaying {
    fn start(relay: Relay) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            relay.run(async { stopped.await.unwrap_or(()) }).await;
        });
        Self { stop, ended }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}
