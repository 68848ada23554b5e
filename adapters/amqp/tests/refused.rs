//! RabbitMQ closes a channel over one message that it refuses: no other that went over it fails with it.
//!
//! Each test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadReason, DeadSelection, PublishError, QueueSpec};
use celerysalt::event::Envelope;
use celerysalt::handler::{HandlerError, HandlerOptions};
use celerysalt::outbox::{DeadLetterStore, OutboxStore, Relay, SharedOutbox, ToBroker};
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{CallError, RpcClient};
use celerysalt::worker::Worker;
use celerysalt_amqp::{AmqpBroker, AmqpResults};
use celerysalt_sql::SqlOutbox;
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use databases::sqlite::Sqlite;
use support::figures;
use support::load::{Running, Tally, define, event, eventually, publish_all};
use support::node::OwnNode;

const EVENTS: usize = 51;
const REFUSED: usize = 25;
/// What halving 51 events may deliver before it has the one alone.
const MOST_TIMES: usize = 7;

/// A node that takes no more than 64 KiB at a time.
fn narrow() -> OwnNode {
    let mut node = OwnNode::configured("max_message_size = 65536\n");
    node.up();
    node
}

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
    figures(format_args!(
        "{label}: of {EVENTS} events one was refused, the others came, {} deliveries more than once",
        tally.again()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_larger_than_rabbitmq_takes_fails_alone_and_rests_among_the_dead_letters()
{
    let node = narrow();
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
                figures(format_args!("refused: {reason}"));
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

/// A worker that answers with as many bytes as it is asked for.
async fn answers_at_length(broker: &AmqpBroker) {
    let long = define("long", "order.long", HandlerOptions::default(), |cx| {
        let bytes = cx.envelope.payload["bytes"].as_u64();
        let bytes = bytes.ok_or_else(|| HandlerError::reject("how many?"))?;
        Ok(json!("x".repeat(bytes as usize)))
    });
    let worker = Worker::builder(Arc::new(broker.clone()), "svc")
        .handlers([long])
        .results(Arc::new(AmqpResults::new(broker)))
        .concurrency(8)
        .build()
        .unwrap();
    worker.declare().await.unwrap();
    tokio::spawn(worker.run(std::future::pending()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_larger_than_rabbitmq_takes_is_told_to_its_caller_and_fails_no_other() {
    let node = narrow();
    answers_at_length(&node.builder().build()).await;
    let broker = node.builder().build();
    let publisher = Publisher::to_broker(Arc::new(broker.clone()));
    for (way, results) in [
        ("rpc://", AmqpResults::new(&broker)),
        ("direct reply-to", AmqpResults::direct(&broker)),
    ] {
        let client = RpcClient::new(publisher.clone(), Arc::new(results));
        let call = async |bytes: usize| -> Result<Value, CallError<Value>> {
            let (asked, time) = (json!({ "bytes": bytes }), Duration::from_secs(60));
            let called = client.call_json("order.long", None, asked, time, Default::default());
            called.await
        };
        let others = futures::future::join_all((0..20).map(&call));
        let (large, others) = tokio::join!(call(100_000), others);
        match large {
            Err(CallError::HandlerFailed { handler, error }) => {
                assert_eq!(handler, "long");
                assert!(error.contains("bytes can never be stored"), "{error}");
                assert!(error.contains("max_message_size"), "{error}");
                figures(format_args!("{way}: {error}"));
            }
            other => panic!("{way}: {other:?}"),
        }
        for (bytes, other) in others.into_iter().enumerate() {
            assert_eq!(other.unwrap(), json!("x".repeat(bytes)), "{way}");
        }
    }
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
                figures(format_args!("refused: {reason}"));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_can_never_be_replayed_keeps_no_other_back() {
    let node = OwnNode::start();
    let before = declared(&node).await;
    let events = events_with_a_large_one();
    publish_all(&before, events.clone()).await;
    let mut consumer = before.consume("svc", 10).await.unwrap();
    for _ in 0..EVENTS {
        let delivery = consumer.next().await.unwrap();
        let reason = DeadReason {
            handler: None,
            attempts: 1,
            error: "no customer".to_owned(),
        };
        delivery.settle.dead_letter(reason).await.unwrap();
        delivery.settle.ack().await.unwrap();
    }
    before.close().await;
    // From now on it takes less, as it may after an upgrade.
    let less = "application:set_env(rabbit, max_message_size, 65536).";
    tokio::task::block_in_place(|| node.eval(less));
    let broker = node.builder().build();
    let error = broker.replay("svc", &DeadSelection::All).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("max_message_size"), "{error}");
    let tally = Tally::default();
    let worker = Running::start(&broker, "svc", vec![tally.handler("order.paid")]);
    tally.until(&ids_without_the_refused(&events)).await;
    check("replayed", &tally, &events);
    worker.stop().await;
    eventually("the letter is back, alone", async || {
        let left = broker.list("svc", &DeadSelection::All, 100).await.unwrap();
        left.len() == 1 && left[0].envelope.id == events[REFUSED].id
    })
    .await;
}
