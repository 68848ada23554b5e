//! Somebody deletes the delays under running workers: they are declared anew, and what waits in them comes.
//!
//! Each test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use celerysalt::broker::{Broker, QueueSpec};
use chrono::{TimeDelta, Utc};
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use support::load::{Running, Tally, event, eventually, publish_all};
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
        println!("{of:?} of every delay deleted: a retry and an eta came");
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
        println!("{of:?} of every delay deleted, and declared anew");
    }
    worker.stop().await;
}
