//! Where an event goes, and that it comes whole.

use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;

use super::super::{BrokerError, PublishError, QueueSpec};
use super::{Bench, Subject, assert_quiet, name, next};
use crate::chain::Chain;
use crate::event::{Envelope, Meta};

pub async fn every_bound_queue_gets_one_copy(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let (audit, other) = (subject.unique("audit"), subject.unique("other"));
    let word = bench.word.as_str();
    bench
        .declare(
            &audit,
            &["*.*.#", &format!("{word}.*"), &format!("{word}.paid")],
        )
        .await
        .unwrap();
    bench
        .declare(&other, &[&format!("{word}.paid.*")])
        .await
        .unwrap();
    let event = bench.publish(bench.event("paid")).await;
    for queue in [&bench.queue, &audit] {
        let mut consumer = bench.broker.consume(queue, 0).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.envelope.id, event.id);
        delivery.settle.ack().await.unwrap();
        assert_quiet(&mut consumer).await;
    }
    assert_quiet(&mut bench.broker.consume(&other, 0).await.unwrap()).await;
}

pub async fn exactly_the_unroutable_are_reported(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let lost = |n: usize| n % 7 == 3;
    let batch: Vec<Envelope> = (0..60)
        .map(|n| {
            let event = bench.event(&n.to_string());
            let topic = if lost(n) {
                format!("{}x.{n}", bench.word)
            } else {
                event.topic.clone()
            };
            Envelope { topic, ..event }
        })
        .collect();
    let results = bench.broker.publish(&batch).await;
    assert_eq!(results.len(), batch.len());
    for (n, (result, event)) in results.iter().zip(&batch).enumerate() {
        match result {
            Ok(()) => assert!(!lost(n), "{n} went nowhere"),
            Err(PublishError::Unroutable { topic }) => {
                assert!(lost(n) && *topic == event.topic, "{n}")
            }
            Err(error) => panic!("{n}: {error}"),
        }
    }
    let mut consumer = bench.consume(0).await;
    for n in (0..60).filter(|n| !lost(*n)) {
        let delivery = next(&mut consumer).await;
        assert_eq!(name(&delivery), n.to_string(), "in the order of the batch");
        delivery.settle.ack().await.unwrap();
    }
}

pub async fn declares_idempotently(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let binding = format!("{}.#", bench.word);
    bench.declare(&bench.queue, &[&binding]).await.unwrap();
    let other = QueueSpec {
        name: bench.queue.clone(),
        bindings: vec![binding.clone()],
        max_priority: 5,
    };
    match bench.broker.declare(&other).await.unwrap_err() {
        BrokerError::Queue { queue, reason } => {
            assert_eq!(queue, bench.queue);
            assert!(reason.contains("priority"), "{reason}");
        }
        error => panic!("{error}"),
    }
    // A refusal harms nothing.
    bench.declare(&bench.queue, &[&binding]).await.unwrap();
    bench.publish(bench.event("paid")).await;
    next(&mut bench.consume(1).await)
        .await
        .settle
        .ack()
        .await
        .unwrap();
}

pub async fn bindings_are_taken_away(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let other = subject.unique("other");
    let (all, paid) = (format!("{}.#", bench.word), format!("{}.paid", bench.word));
    bench.declare(&other, &[&all, &paid]).await.unwrap();
    let before = bench.publish(bench.event("shipped")).await;
    let never_bound = format!("{}.never", bench.word);
    for _ in 0..2 {
        let gone = [all.clone(), never_bound.clone()];
        bench.broker.unbind(&other, &gone).await.unwrap();
    }
    bench.publish(bench.event("sent")).await;
    let after = bench.publish(bench.event("paid")).await;

    let mut consumer = bench.broker.consume(&other, 0).await.unwrap();
    for event in [before, after] {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.envelope.id, event.id, "{}", name(&delivery));
        delivery.settle.ack().await.unwrap();
    }
    assert_quiet(&mut consumer).await;
    // Another queue's binding of the same pattern stays.
    let mut own = bench.consume(0).await;
    for _ in 0..3 {
        next(&mut own).await.settle.ack().await.unwrap();
    }
}

pub async fn envelopes_come_back_whole(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let mut event = bench.event("paid.é");
    event.payload = json!({
        "name": "Zoë 🧂", "nothing": null, "amount": "99.90", "big": u64::MAX, "small": i64::MIN, "half": 0.5,
        "at": "2026-01-25T10:30:00Z", "nested": {"list": [1, [2, {"three": [null, true]}]]}, "empty": {},
        "text": "\u{0} \" \\ \n", "long": "x".repeat(100_000),
    });
    event.meta = Meta {
        chain: Chain {
            correlation_id: Some("corr-1".to_owned()),
            causation_id: Some(Uuid::now_v7()),
            depth: 3,
            fired: vec!["digest".to_owned()],
        },
        aggregate: Some("order:1".to_owned()),
        rule_id: Some("rule".to_owned()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        tracestate: Some("a=b".to_owned()),
        priority: Some(4),
        expires: DateTime::from_timestamp_micros(4_000_000_000_123_456),
        created_at: DateTime::from_timestamp_micros(1_700_000_000_123_456),
        ..Meta::default()
    };
    bench.publish(event.clone()).await;
    let mut consumer = bench.consume(1).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(*delivery.envelope, event);
    assert_eq!(
        (
            delivery.target.as_deref(),
            delivery.retries,
            delivery.redelivered
        ),
        (None, 0, 0)
    );
    delivery.settle.ack().await.unwrap();
}
