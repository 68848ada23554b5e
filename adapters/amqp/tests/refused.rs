//! RabbitMQ closes a channel over one message that it refuses: no other that went over it fails with it.
//!
//! Each test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use celerysalt::broker::{Broker, DeadSelection, PublishError, QueueSpec};
use celerysalt::event::Envelope;
use celerysalt::outbox::{DeadLetterStore, OutboxStore, Relay, SharedOutbox, ToBroker};
use celerysalt_amqp::AmqpBroker;
use celerysalt_sql::SqlOutbox;
use chrono::Utc;
use uuid::Uuid;

use databases::sqlite::Sqlite;
use support::load::{Running, Tally, event};
use support::node::OwnNode;

const EVENTS: usize = 51;
const REFUSED: usize = 25;
/// What halving 51 events may deliver before it has the one alone.
const MOST_TIMES: usize = 7;

async fn declared(node: &OwnNode) -> AmqpBroker {
    let broker = node.builder().build();
    let spec = QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned(), "secret.#".to_owned()],
        max_priority: 10,
    };
    broker.declare(&spec).await.unwrap();
    broker
}

/// Events, one of which has more bytes than the node takes.
fn events_with_a_large_one() -> Vec<Envelope> {
    let mut events: Vec<Envelope> = (0..EVENTS).map(|n| event("order.paid", n)).collect();
    events[REFUSED].payload["text"] = "x".repeat(100_000).into();
    events
}

fn ids_without_the_refused(events: &[Envelope]) -> BTreeSet<Uuid> {
    let ids = events.iter().map(|event| event.id);
    ids.filter(|id| *id != events[REFUSED].id).collect()
}

/// Whether all but the refused came: those after it once, those before it again while it was looked for.
fn check(label: &str, tally: &Tally, events: &[Envelope]) {
    assert_eq!(tally.events(), EVENTS - 1);
    for (n, event) in events.iter().enumerate() {
        let most = match n {
            REFUSED => 0,
            _ if n < REFUSED => MOST_TIMES,
            _ => 1,
        };
        let times = tally.times(event.id);
        assert!(times <= most, "event {n} came {times} times");
    }
    println!(
        "{label}: of {EVENTS} events one was refused, the others came, {} deliveries more than once",
        tally.again()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_larger_than_rabbitmq_takes_fails_alone_and_rests_among_the_dead_letters()
{
    let mut node = OwnNode::configured("max_message_size = 65536\n");
    node.up();
    let broker = declared(&node).await;
    let events = events_with_a_large_one();
    // Another caller's, which may share a channel with them.
    let others: Vec<Envelope> = (0..EVENTS).map(|n| event("order.other", n)).collect();
    let (results, beside) = tokio::join!(broker.publish(&events), broker.publish(&others));
    assert!(beside.iter().all(Result::is_ok), "{beside:?}");
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(()) if n != REFUSED => {}
            Err(PublishError::Invalid { reason }) if n == REFUSED => {
                assert!(reason.contains("max_message_size"), "{reason}");
                println!("refused: {reason}");
            }
            _ => panic!("event {n}: {result:?}"),
        }
    }
    let tally = Tally::default();
    let worker = Running::start(&broker, "svc", vec![tally.handler("order.paid")]);
    tally.until(&ids_without_the_refused(&events)).await;
    check("published", &tally, &events);
    worker.stop().await;

    let database = Sqlite::fresh().await;
    let store = Arc::new(SqlOutbox::sqlite(database.pool.clone()));
    let stored = events_with_a_large_one();
    store.append(&stored, Utc::now()).await.unwrap();
    let shared: SharedOutbox = store.clone();
    let destination = ToBroker::new(Arc::new(broker.clone()));
    let relay = Relay::builder(shared, Arc::new(destination)).build();
    let drained = relay.drain().await.unwrap();
    assert_eq!((drained.dead, drained.again), (1, 0), "{drained:?}");
    let letters = store.dead_letters(&DeadSelection::All, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].envelope.id, stored[REFUSED].id);
    let tally = Tally::default();
    let worker = Running::start(&broker, "svc", vec![tally.handler("order.paid")]);
    tally.until(&ids_without_the_refused(&stored)).await;
    check("relayed", &tally, &stored);
    worker.stop().await;
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_a_topic_that_this_user_may_not_write_fails_alone() {
    let node = OwnNode::start();
    let broker = declared(&node).await;
    let permissions = ["guest", "tchu_events", "^order\\.", ".*"];
    let set: Vec<&str> = ["set_topic_permissions", "-p", "/"]
        .into_iter()
        .chain(permissions)
        .collect();
    tokio::task::block_in_place(|| node.ctl(&set));
    let mut events: Vec<Envelope> = (0..EVENTS).map(|n| event("order.paid", n)).collect();
    events[REFUSED].topic = "secret.told".to_owned();
    for (n, result) in broker.publish(&events).await.iter().enumerate() {
        match result {
            Ok(()) if n != REFUSED => {}
            Err(PublishError::Refused { reason, .. }) if n == REFUSED => {
                assert!(
                    reason.contains("secret.told") && reason.contains("permission"),
                    "{reason}"
                );
                println!("refused: {reason}");
            }
            _ => panic!("event {n}: {result:?}"),
        }
    }
    let tally = Tally::default();
    let worker = Running::start(&broker, "svc", vec![tally.handler("order.#")]);
    tally.until(&ids_without_the_refused(&events)).await;
    check("a topic that is not permitted", &tally, &events);
    worker.stop().await;
}
