//! Somebody deletes queues and exchanges under running workers: they are declared anew; what waits in delays comes, what dies
//! rests, and no more is lost than went with a queue.
//!
//! Each test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueSpec};
use celerysalt::handler::{HandlerDef, HandlerError, HandlerOptions};
use chrono::{TimeDelta, Utc};
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use support::figures;
use support::load::{
    BATCH, PLACES, Running, Tally, define, event, eventually, publish_all, under_load,
};
use support::node::OwnNode;
use support::tries::Tries;

/// Of the levels of delays.
const LEVELS: u32 = 28;

fn spec() -> QueueSpec {
    QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

async fn connect(node: &OwnNode) -> Connection {
    Connection::connect(&node.url(), ConnectionProperties::default())
        .await
        .unwrap()
}

/// What each level has one of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Of {
    Queue,
    Exchange,
}

impl Of {
    /// Deletes those of all levels: which of them a delay leads through depends on the clock.
    async fn delete(self, channel: &Channel) {
        for name in (0..LEVELS).map(|level| format!("celerysalt_delayed_{level}")) {
            match self {
                Self::Queue => {
                    let deleted = channel.queue_delete(name.into(), Default::default());
                    deleted.await.unwrap();
                }
                Self::Exchange => {
                    let deleted = channel.exchange_delete(name.into(), Default::default());
                    deleted.await.unwrap();
                }
            }
        }
    }

    /// Whether the one of a level is there. If not, RabbitMQ closes the channel.
    async fn is_there(self, admin: &Connection, level: u32) -> bool {
        let channel = admin.create_channel().await.unwrap();
        let (name, none) = (
            format!("celerysalt_delayed_{level}").into(),
            FieldTable::default(),
        );
        match self {
            Self::Queue => {
                let passive = QueueDeclareOptions {
                    passive: true,
                    ..QueueDeclareOptions::default()
                };
                channel.queue_declare(name, passive, none).await.is_ok()
            }
            Self::Exchange => {
                let passive = ExchangeDeclareOptions {
                    passive: true,
                    ..ExchangeDeclareOptions::default()
                };
                let kind = ExchangeKind::Topic;
                let found = channel.exchange_declare(name, kind, passive, none);
                found.await.is_ok()
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_that_was_deleted_takes_retries_and_etas_at_once() {
    let node = OwnNode::start();
    // Nothing is declared anew by the hour.
    let builder = node.builder().declare_every(Duration::from_secs(3600));
    let broker = builder.build();
    let (tally, delay) = (Tally::default(), Duration::from_secs(1));
    let rounds = [
        (Of::Queue, "order.queue", Tries::default()),
        (Of::Exchange, "order.exchange", Tries::default()),
    ];
    let mut handlers = vec![tally.handler("order.eta")];
    handlers.extend(
        rounds
            .iter()
            .map(|(_, topic, tries)| tries.flaky(topic, delay)),
    );
    let worker = Running::start(&broker, "svc", handlers);
    broker.declare(&spec()).await.unwrap();
    let admin = connect(&node).await;
    for (of, topic, tries) in &rounds {
        of.delete(&admin.create_channel().await.unwrap()).await;
        assert!(!of.is_there(&admin, 3).await);
        publish_all(&broker, vec![event(topic, 1)]).await;
        eventually("the retry comes", async || !tries.retries().is_empty()).await;
        // The first try was not refused its retry, or it would have run again.
        assert_eq!(tries.all().len(), 2, "{of:?}: {:?}", tries.all());

        of.delete(&admin.create_channel().await.unwrap()).await;
        let mut late = event("order.eta", 1);
        late.meta.eta = Some(Utc::now() + TimeDelta::seconds(2));
        let ids = BTreeSet::from([late.id]);
        publish_all(&broker, vec![late]).await;
        tally.until(&ids).await;
        figures(format_args!(
            "{of:?} of every delay deleted: a retry and an eta came"
        ));
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delays_that_nobody_publishes_into_are_declared_anew_as_well() {
    let node = OwnNode::start();
    let builder = node.builder().declare_every(Duration::from_millis(500));
    let broker = builder.build();
    broker.declare(&spec()).await.unwrap();
    let worker = Running::start(&broker, "svc", vec![Tally::default().handler("order.#")]);
    let admin = connect(&node).await;
    for of in [Of::Queue, Of::Exchange] {
        of.delete(&admin.create_channel().await.unwrap()).await;
        for level in [0, LEVELS - 1] {
            eventually("the level is there", async || {
                of.is_there(&admin, level).await
            })
            .await;
        }
        figures(format_args!(
            "{of:?} of every delay deleted, and declared anew"
        ));
    }
    worker.stop().await;
}

/// Of the way of dead letters.
#[derive(Debug, Clone, Copy)]
enum OfDeadLetters {
    Exchange,
    Queue,
    Binding,
}

impl OfDeadLetters {
    async fn delete(self, channel: &Channel) {
        let (exchange, dead, queue) = ("celerysalt_dead", "svc.dead", "svc");
        match self {
            Self::Exchange => {
                let deleted = channel.exchange_delete(exchange.into(), Default::default());
                deleted.await.unwrap();
            }
            Self::Queue => {
                let deleted = channel.queue_delete(dead.into(), Default::default());
                deleted.await.unwrap();
            }
            Self::Binding => {
                let none = FieldTable::default();
                let unbound =
                    channel.queue_unbind(dead.into(), exchange.into(), queue.into(), none);
                unbound.await.unwrap();
            }
        }
    }
}

/// A handler that gives up at once, and how often it was called.
fn gives_up() -> (HandlerDef, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let called = Arc::clone(&calls);
    let def = define(
        "gives_up",
        "order.#",
        HandlerOptions::default(),
        move |_| {
            called.fetch_add(1, Ordering::SeqCst);
            Err(HandlerError::reject("no customer"))
        },
    );
    (def, calls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_of_dead_letters_that_was_deleted_takes_them_at_once() {
    // More than there are places in the worker.
    const EVENTS: usize = 30;
    let node = OwnNode::start();
    // Nothing is declared anew by the hour.
    let builder = node.builder().declare_every(Duration::from_secs(3600));
    let broker = builder.build();
    let (handler, calls) = gives_up();
    let worker = Running::start(&broker, "svc", vec![handler]);
    broker.declare(&spec()).await.unwrap();
    let admin = connect(&node).await;
    let channel = admin.create_channel().await.unwrap();
    for of in [
        OfDeadLetters::Exchange,
        OfDeadLetters::Queue,
        OfDeadLetters::Binding,
    ] {
        broker.purge("svc", &DeadSelection::All).await.unwrap();
        of.delete(&channel).await;
        let before = calls.load(Ordering::SeqCst);
        let events: Vec<_> = (0..EVENTS).map(|n| event("order.paid", n)).collect();
        let ids: BTreeSet<_> = events.iter().map(|event| event.id).collect();
        publish_all(&broker, events).await;
        let mut dead = Vec::new();
        eventually("all are dead letters", async || {
            // There is no queue until the first one dies.
            dead = broker
                .list("svc", &DeadSelection::All, 100)
                .await
                .unwrap_or_default();
            dead.len() >= EVENTS
        })
        .await;
        let dead: Vec<_> = dead.iter().map(|letter| letter.envelope.id).collect();
        assert_eq!(dead.len(), EVENTS, "{of:?}: some died twice");
        assert_eq!(BTreeSet::from_iter(dead), ids, "{of:?}");
        // No letter was refused, or its handler would have been called again.
        assert_eq!(calls.load(Ordering::SeqCst) - before, EVENTS, "{of:?}");
        figures(format_args!(
            "{of:?} of dead letters deleted: {EVENTS} events died, and rest"
        ));
    }
    worker.stop().await;
}

/// What is deleted under a running consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deleted {
    /// With the events that it holds.
    Queue,
    /// With the bindings of the queue, which stays.
    Exchange,
}

impl Deleted {
    /// Deletes it; how many events went with it that nobody had taken yet.
    async fn delete(self, admin: &Connection) -> usize {
        let channel = admin.create_channel().await.unwrap();
        match self {
            Self::Queue => {
                let deleted = channel.queue_delete("svc".into(), Default::default());
                usize::try_from(deleted.await.unwrap()).unwrap()
            }
            Self::Exchange => {
                let deleted = channel.exchange_delete("tchu_events".into(), Default::default());
                deleted.await.unwrap();
                0
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_or_exchange_that_is_deleted_is_declared_anew() {
    let node = OwnNode::start();
    for what in [Deleted::Queue, Deleted::Exchange] {
        is_declared_anew(&node, what).await;
    }
}

async fn is_declared_anew(node: &OwnNode, what: Deleted) {
    let broker = || {
        let builder = node.builder().declare_every(Duration::from_millis(500));
        builder.build()
    };
    let (publisher, consumer) = (broker(), broker());
    let (tally, flaky) = (Tally::default(), Tries::default());
    let retry = flaky.flaky("order.flaky", Duration::from_secs(8));
    let worker = Running::start(&consumer, "svc", vec![retry, tally.handler("order.#")]);
    publisher.declare(&spec()).await.unwrap();
    let (admin, retried) = (connect(node).await, event("order.flaky", 0));
    let mut held = 0;
    let (before, refused) = under_load(&publisher, 10, async {
        eventually("events are handled", async || tally.events() > 40).await;
        publish_all(&publisher, vec![retried.clone()]).await;
        eventually("the first try failed", async || flaky.first().is_some()).await;
        held = what.delete(&admin).await;
        assert!(flaky.retries().is_empty(), "the retry waits for its time");
    })
    .await;
    // The last of those was taken after the deletion.
    let (mut kept, again) = under_load(&publisher, 20, async {}).await;
    let after = kept.len();
    if what == Deleted::Exchange {
        kept.extend(&before);
    }
    tally.until(&kept).await;
    eventually("the retry came", async || !flaky.retries().is_empty()).await;
    worker.stop().await;
    let lost = tally.missing(&before).len();
    figures(format_args!(
        "{what:?} deleted: {} events published around it and {after} once it was back, {} refused and published again; all \
         handled but {lost} of the former, of {held} that waited in it, at most {PLACES} that were handed out and at most {BATCH} on \
         their way; the retry that waited came",
        before.len(),
        refused + again
    ));
    // RabbitMQ also confirms what it was just about to put into a queue that is deleted.
    let most = match what {
        Deleted::Queue => held + PLACES + BATCH,
        Deleted::Exchange => 0,
    };
    assert!(lost <= most, "{lost} events are lost, where {most} may be");
    assert!(refused > 0, "what could not be routed was told");
    let (retries, at) = flaky.retries()[0];
    assert_eq!(retries, 1);
    assert!(at - flaky.first().unwrap() >= TimeDelta::seconds(8));
}
