//! RabbitMQ, its connections and its queues go away in the middle of work: nothing is lost.
//!
//! Each test has a node of its own, and prints what it saw.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use celerysalt::broker::{Broker, BrokerError, PublishError, QueueSpec};
use celerysalt::event::Envelope;
use celerysalt::worker::WorkerError;
use celerysalt_amqp::{AmqpBroker, QueueKind};
use chrono::Utc;
use uuid::Uuid;

use support::figures;
use support::load::{
    RECOVERS_WITHIN, Running, Tally, event, eventually, finish, publish_all, under_load,
};
use support::node::OwnNode;
use support::proxy::{Proxy, Weather};
use support::tries::Tries;

fn spec(queue: &str, binding: &str) -> QueueSpec {
    QueueSpec {
        name: queue.to_owned(),
        bindings: vec![binding.to_owned()],
        max_priority: 10,
    }
}

/// A connection of the test's own.
async fn connect(node: &OwnNode) -> lapin::Connection {
    lapin::Connection::connect(&node.url(), lapin::ConnectionProperties::default())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_started_again_loses_nothing() {
    let mut node = OwnNode::start();
    let (publisher, consumer) = (node.builder().build(), node.builder().build());
    let tally = Tally::default();
    let worker = Running::start(&consumer, "svc", vec![tally.handler("order.#")]);
    publisher.declare(&spec("svc", "order.#")).await.unwrap();
    let (ids, refused) = under_load(&publisher, 100, async {
        for _ in 0..2 {
            let before = tally.events();
            eventually("events are handled", async || tally.events() > before + 200).await;
            tokio::task::block_in_place(|| {
                node.kill();
                node.up();
            });
        }
    })
    .await;
    finish("killed twice", &tally, &ids, refused).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_broker_closes_are_made_anew() {
    let node = OwnNode::start();
    let (publisher, consumer) = (node.builder().build(), node.builder().build());
    let tally = Tally::default();
    let worker = Running::start(&consumer, "svc", vec![tally.handler("order.#")]);
    publisher.declare(&spec("svc", "order.#")).await.unwrap();
    let (ids, refused) = under_load(&publisher, 100, async {
        for round in 0..5 {
            let before = tally.events();
            eventually("events are handled", async || tally.events() > before + 100).await;
            let canary = connect(&node).await;
            tokio::task::block_in_place(|| match round {
                0 => node.ctl(&["close_all_connections", "--global", "a test"]),
                _ => node.close_connections(),
            });
            eventually("the canary is closed", async || {
                !canary.status().connected()
            })
            .await;
        }
    })
    .await;
    finish("all connections closed 5 times", &tally, &ids, refused).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_stalls_cuts_and_delays_loses_nothing() {
    let node = OwnNode::start();
    let proxy = Proxy::to(node.port).await;
    let url = format!(
        "amqp://guest:guest@127.0.0.1:{}/%2f?heartbeat=2",
        proxy.port
    );
    let broker = || {
        AmqpBroker::builder(&url)
            .unwrap()
            .connect_timeout(Duration::from_secs(3))
            .confirm_timeout(Duration::from_secs(3))
    };
    let (publisher, consumer) = (broker().build(), broker().build());
    let tally = Tally::default();
    let worker = Running::start(&consumer, "svc", vec![tally.handler("order.#")]);
    publisher.declare(&spec("svc", "order.#")).await.unwrap();
    let (ids, refused) = under_load(&publisher, 50, async {
        for weather in [
            Weather::Slow(Duration::from_millis(20)),
            Weather::Cut,
            Weather::Stalled,
            Weather::Cut,
        ] {
            let before = tally.events();
            eventually("events are handled", async || tally.events() > before + 40).await;
            proxy.set(weather);
            // How long the weather lasts; longer than the confirmations and heartbeats have.
            tokio::time::sleep(Duration::from_secs(5)).await;
            proxy.set(Weather::Clear);
        }
    })
    .await;
    assert!(refused > 0, "the stall was noticed");
    finish("slow, cut, stalled and cut", &tally, &ids, refused).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_holds_publishers_and_not_consumers() {
    let node = OwnNode::start();
    let broker = node
        .builder()
        .confirm_timeout(Duration::from_secs(2))
        .build();
    broker.declare(&spec("svc", "order.#")).await.unwrap();
    let batch: Vec<Envelope> = (0..50).map(|n| event("order.paid", n)).collect();
    let ids: BTreeSet<Uuid> = batch.iter().map(|event| event.id).collect();
    assert_eq!(publish_all(&broker, batch).await, 0);
    tokio::task::block_in_place(|| node.ctl(&["set_vm_memory_high_watermark", "0"]));

    let late = event("order.paid", 50);
    let refused = broker.publish(std::slice::from_ref(&late)).await.remove(0);
    assert!(
        matches!(&refused, Err(PublishError::Refused { .. })),
        "{refused:?}"
    );
    // By now the broker has told that it blocks: that is known at once, and said.
    let told = broker
        .publish(std::slice::from_ref(&late))
        .await
        .remove(0)
        .unwrap_err()
        .to_string();
    assert!(told.contains("alarm"), "{told}");

    let tally = Tally::default();
    let consumer = node.builder().build();
    let worker = Running::start(&consumer, "svc", vec![tally.handler("order.#")]);
    tally.until(&ids).await;
    figures(format_args!(
        "memory alarm: publishing refused ({told}), {} events handled meanwhile",
        tally.events()
    ));

    tokio::task::block_in_place(|| node.ctl(&["set_vm_memory_high_watermark", "0.9"]));
    publish_all(&broker, vec![late.clone()]).await;
    tally.until(&BTreeSet::from([late.id])).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_given_back_or_put_aside_has_not_crashed() {
    let node = OwnNode::start();
    let broker = node
        .builder()
        .confirm_timeout(Duration::from_secs(2))
        .build();
    broker.declare(&spec("svc", "order.#")).await.unwrap();
    let (mut early, due) = (event("order.early", 1), event("order.due", 2));
    publish_all(&broker, vec![due.clone()]).await;
    let mut consumer = broker.consume("svc", 10).await.unwrap();
    let delivery = consumer.next().await.unwrap();
    early.meta.eta = Some(Utc::now() + chrono::TimeDelta::seconds(15));
    publish_all(&broker, vec![early.clone()]).await;
    tokio::task::block_in_place(|| node.ctl(&["set_vm_memory_high_watermark", "0"]));
    let refused = delivery.settle.requeue(None).await;
    assert!(
        matches!(refused, Err(BrokerError::Unreachable { .. })),
        "{refused:?}"
    );
    drop(delivery);
    // The alarm goes on until the early one is due: it cannot be put aside, and comes again and again.
    let mut came = BTreeSet::new();
    for _ in 0..2 {
        let next = tokio::time::timeout(RECOVERS_WITHIN, consumer.next()).await;
        let delivery = next.unwrap().unwrap();
        came.insert((delivery.envelope.id, delivery.redelivered));
        delivery.settle.ack().await.unwrap();
    }
    assert_eq!(came, BTreeSet::from([(due.id, 0), (early.id, 0)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_down_at_start_is_waited_for_and_a_wrong_password_is_told() {
    let mut node = OwnNode::prepared();
    let broker = node.builder().build();
    let tally = Tally::default();
    let worker = Running::start(&broker, "svc", vec![tally.handler("order.#")]);
    let mut events: Vec<Envelope> = (0..20).map(|n| event("order.paid", n)).collect();
    let mut ids: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
    let early = broker.publish(&events).await;
    assert!(
        early
            .iter()
            .all(|early| matches!(early, Err(PublishError::Refused { .. }))),
        "{early:?}"
    );
    tokio::task::block_in_place(|| node.up());
    events.push(event("order.paid", 20));
    ids.extend(events.last().map(|event| event.id));
    let refused = early.len() + publish_all(&broker, events).await;
    finish("down at start", &tally, &ids, refused).await;

    let wrong = AmqpBroker::builder(&node.url_of("guest", "s3cret-and-wrong"))
        .unwrap()
        .build();
    let error = wrong.declare(&spec("svc", "order.#")).await.unwrap_err();
    let late = event("order.paid", 21);
    let refused = wrong.publish(std::slice::from_ref(&late)).await;
    let refused = refused[0].as_ref().unwrap_err();
    for said in [
        format!("{error} {error:?}"),
        format!("{refused} {refused:?}"),
        format!("{wrong:?}"),
    ] {
        assert!(!said.contains("s3cret"), "{said}");
    }
    assert!(
        matches!(&error, BrokerError::Unreachable { reason } if reason.contains("password")),
        "{error}"
    );
    assert!(
        matches!(&refused, PublishError::Refused { reason, .. } if reason.contains("password")),
        "{refused}"
    );
    ids.insert(late.id);
    let again = publish_all(&broker, vec![late]).await;
    let label = format!("wrong password ({refused}), then the right one");
    finish(&label, &tally, &ids, 1 + again).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_ends_the_worker_and_names_the_difference() {
    let node = OwnNode::start();
    let right = node.builder().queue_kind(QueueKind::Classic).build();
    right.declare(&spec("svc", "order.#")).await.unwrap();
    let events: Vec<Envelope> = (0..100).map(|n| event("order.paid", n)).collect();
    let ids: BTreeSet<Uuid> = events.iter().map(|event| event.id).collect();
    let refused = publish_all(&right, events).await;
    let tally = Tally::default();
    let handlers = || vec![tally.handler("order.#")];
    let worker = Running::start(&node.builder().build(), "svc", handlers());
    let error = worker.ends().await.unwrap_err();
    let WorkerError::Broker(BrokerError::Queue { queue, reason }) = &error else {
        panic!("{error}");
    };
    assert_eq!(queue, "svc");
    assert!(
        reason.contains("x-max-priority") && reason.contains("queue_kind"),
        "{reason}"
    );
    assert_eq!(tally.events(), 0, "it has taken nothing");
    let worker = Running::start(&right, "svc", handlers());
    let label = format!("other arguments ({error}), then the right ones");
    finish(&label, &tally, &ids, refused).await;
    assert_eq!(tally.again(), 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_unroutable_of_many_batches_at_once_are_reported() {
    const BATCHES: usize = 8;
    const EVENTS: usize = 500;
    let node = OwnNode::start();
    let broker = node.builder().build();
    broker.declare(&spec("svc", "order.#")).await.unwrap();
    let batches = (0..BATCHES).map(|batch| {
        let broker = broker.clone();
        tokio::spawn(async move {
            let lost = |n: usize| (n + batch).is_multiple_of(10);
            let topic = |n| if lost(n) { "nobody.here" } else { "order.paid" };
            let events: Vec<Envelope> = (0..EVENTS).map(|n| event(topic(n), n)).collect();
            let results = broker.publish(&events).await;
            let wrong = results
                .iter()
                .enumerate()
                .filter(|(n, result)| match result {
                    Ok(()) => lost(*n),
                    Err(PublishError::Unroutable { .. }) => !lost(*n),
                    Err(_) => true,
                });
            (
                wrong.count(),
                results.iter().filter(|result| result.is_err()).count(),
            )
        })
    });
    let (mut wrong, mut unroutable) = (0, 0);
    for batch in batches.collect::<Vec<_>>() {
        let (w, u) = batch.await.unwrap();
        wrong += w;
        unroutable += u;
    }
    figures(format_args!(
        "{} events in {BATCHES} batches at once: {unroutable} unroutable, {wrong} told wrongly",
        BATCHES * EVENTS
    ));
    assert_eq!((wrong, unroutable), (0, BATCHES * EVENTS / 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_waits_survives_a_killed_broker_and_holds_no_place() {
    // Where the machine was too slow to kill the broker while the retry waited, it waits longer.
    for seconds in [4, 20, 60] {
        if is_killed_while_a_retry_waits(Duration::from_secs(seconds)).await {
            return;
        }
    }
    panic!("what waits holds the place of what does not");
}

/// Whether the broker was killed before the retry came, with everything else handled.
async fn is_killed_while_a_retry_waits(delay: Duration) -> bool {
    let mut node = OwnNode::start();
    let broker = node.builder().build();
    let (tally, flaky) = (Tally::default(), Tries::default());
    let handlers = vec![flaky.flaky("order.flaky", delay), tally.handler("order.#")];
    let worker = Running::start(&broker, "svc", handlers);
    broker.declare(&spec("svc", "order.#")).await.unwrap();
    let one = event("order.flaky", 1);
    publish_all(&broker, vec![one.clone()]).await;
    eventually("the first try failed", async || flaky.first().is_some()).await;
    tally.until(&BTreeSet::from([one.id])).await;
    // The slot is free while the retry waits.
    let others: Vec<Envelope> = (0..40).map(|n| event("order.paid", n)).collect();
    let mut ids: BTreeSet<Uuid> = others.iter().map(|event| event.id).collect();
    publish_all(&broker, others).await;
    ids.insert(one.id);
    tally.until(&ids).await;
    tokio::task::block_in_place(|| node.kill());
    let is_in_time = flaky.retries().is_empty();
    tokio::task::block_in_place(|| node.up());
    eventually("the retry came", async || !flaky.retries().is_empty()).await;
    worker.stop().await;
    let (retries, came) = flaky.retries()[0];
    let waited = came - flaky.first().unwrap();
    figures(format_args!(
        "a retry waited {} ms over a killed broker",
        waited.num_milliseconds()
    ));
    // The killed broker may have forgotten an acknowledgement, so the first try may come twice.
    assert_eq!(retries, 1, "by the handler that failed");
    assert!(waited.to_std().unwrap() >= delay, "{waited}");
    is_in_time
}
