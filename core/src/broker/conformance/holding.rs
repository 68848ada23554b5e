//! What consumers hold: in which order, how much of it, and what becomes of it when it is not settled.

use std::collections::BTreeSet;

use chrono::Utc;

use super::super::BrokerError;
use super::{Bench, Subject, assert_quiet, dead, name, next};
use crate::event::Envelope;

pub async fn higher_priority_goes_first(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let given = [
        ("a", None),
        ("b", Some(9)),
        ("c", Some(3)),
        ("d", Some(9)),
        ("e", Some(10)),
        ("f", None),
    ];
    for (rest, priority) in given {
        let mut event = bench.event(rest);
        event.meta.priority = priority;
        bench.publish(event).await;
    }
    let mut consumer = bench.consume(1).await;
    let mut order = String::new();
    for _ in given {
        let delivery = next(&mut consumer).await;
        order.push_str(name(&delivery));
        delivery.settle.ack().await.unwrap();
    }
    assert_eq!(order, "ebdcaf");
}

pub async fn prefetch_bounds_what_is_held(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    for rest in ["a", "b", "c"] {
        bench.publish(bench.event(rest)).await;
    }
    let mut consumer = bench.consume(2).await;
    let first = next(&mut consumer).await;
    let second = next(&mut consumer).await;
    assert_quiet(&mut consumer).await;
    first.settle.ack().await.unwrap();
    let third = next(&mut consumer).await;
    assert_eq!((name(&second), name(&third)), ("b", "c"));
    second.settle.ack().await.unwrap();
    third.settle.ack().await.unwrap();
}

pub async fn consumers_share_a_queue(subject: &impl Subject) {
    const EVENTS: usize = 200;
    let bench = Bench::new(subject).await;
    let (mut one, mut two) = (bench.consume(5).await, bench.consume(5).await);
    let batch: Vec<Envelope> = (0..EVENTS).map(|n| bench.event(&n.to_string())).collect();
    for result in bench.broker.publish(&batch).await {
        result.unwrap();
    }
    // As long as nothing is settled, neither can have it all.
    let mut held = vec![next(&mut one).await, next(&mut two).await];
    let mut taken = BTreeSet::new();
    while let Some(delivery) = held.pop() {
        assert!(taken.insert(delivery.envelope.id), "each once");
        delivery.settle.ack().await.unwrap();
        if taken.len() + held.len() < EVENTS {
            held.push(tokio::select! {
                delivery = next(&mut one) => delivery,
                delivery = next(&mut two) => delivery,
            });
        }
    }
    assert_quiet(&mut one).await;
    assert_quiet(&mut two).await;
    assert_eq!(taken, batch.iter().map(|event| event.id).collect());
}

pub async fn what_is_not_settled_comes_back_counted(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let event = bench.publish(bench.event("paid")).await;
    let mut consumer = bench.consume(0).await;
    for times in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!(
            (delivery.envelope.id, delivery.redelivered),
            (event.id, times)
        );
    }
    let last = next(&mut consumer).await;
    assert_eq!(last.redelivered, 3);
    last.settle.ack().await.unwrap();
    assert_quiet(&mut consumer).await;
}

pub async fn a_dropped_consumer_gives_back(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    bench.publish(bench.event("held")).await;
    bench.publish(bench.event("waiting")).await;
    let mut consumer = bench.consume(1).await;
    let stale = next(&mut consumer).await;
    drop(consumer);
    let mut other = bench.consume(0).await;
    let mut come: Vec<(String, u32)> = Vec::new();
    for _ in 0..2 {
        let delivery = next(&mut other).await;
        come.push((name(&delivery).to_owned(), delivery.redelivered));
        delivery.settle.ack().await.unwrap();
    }
    come.sort();
    assert_eq!(come, [("held".to_owned(), 1), ("waiting".to_owned(), 0)]);
    for result in [
        stale.settle.ack().await,
        stale.settle.requeue(None).await,
        stale.settle.retry("h", 1, Utc::now(), "x").await,
        stale.settle.dead_letter(dead("h", "x")).await,
    ] {
        assert!(
            matches!(result, Err(BrokerError::Unreachable { .. })),
            "{result:?}"
        );
    }
    drop(stale);
    assert_quiet(&mut other).await;
}
