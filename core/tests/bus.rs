//! The in-memory broker: routing, order, prefetch, delays, redelivery and dead letters.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, Consumer, DeadLetters, DeadReason, DeadSelection, Delivery, MemoryBroker,
    PublishError, QueueSpec,
};
use celerysalt::clock::{Clock, new_id};
use celerysalt::event::{Envelope, Meta};
use celerysalt::testing::TestClock;
use chrono::TimeDelta;
use futures::FutureExt;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    clock: TestClock,
    broker: MemoryBroker,
}

impl Bench {
    async fn new() -> Self {
        let clock = TestClock::new();
        let broker = MemoryBroker::new(Arc::new(clock.clone()));
        broker.declare(&spec("svc", "order.#")).await.unwrap();
        Self { clock, broker }
    }

    fn event(&self, topic: &str) -> Envelope {
        Envelope {
            id: new_id(&self.clock),
            topic: topic.to_owned(),
            version: Some("v1".to_owned()),
            payload: json!({}),
            meta: Meta::default(),
        }
    }

    async fn publish(&self, envelope: Envelope) {
        self.broker.publish(&[envelope]).await.remove(0).unwrap();
    }

    async fn consume(&self, prefetch: usize) -> Box<dyn Consumer> {
        self.broker.consume("svc", prefetch).await.unwrap()
    }
}

fn spec(name: &str, binding: &str) -> QueueSpec {
    QueueSpec {
        name: name.to_owned(),
        bindings: vec![binding.to_owned()],
        max_priority: 10,
    }
}

fn ready(consumer: &mut Box<dyn Consumer>) -> Option<Delivery> {
    consumer.next().now_or_never().flatten()
}

#[tokio::test]
async fn every_bound_queue_gets_a_copy_and_an_unroutable_event_is_an_error() {
    let bench = Bench::new().await;
    bench.broker.declare(&spec("audit", "#")).await.unwrap();
    bench
        .broker
        .declare(&spec("other", "invoice.*"))
        .await
        .unwrap();
    bench.publish(bench.event("order.paid")).await;
    assert_eq!(bench.broker.stats("svc").unwrap().ready, 1);
    assert_eq!(bench.broker.stats("audit").unwrap().ready, 1);
    assert_eq!(bench.broker.stats("other").unwrap().ready, 0);

    let lonely = Bench::new().await;
    let batch = [lonely.event("nobody.here"), lonely.event("order.paid")];
    let results = lonely.broker.publish(&batch).await;
    assert!(
        matches!(&results[0], Err(PublishError::Unroutable { topic }) if topic == "nobody.here")
    );
    assert!(results[1].is_ok(), "one failed envelope fails no other");
}

#[tokio::test]
async fn a_queue_with_two_matching_bindings_gets_one_copy() {
    let bench = Bench::new().await;
    bench
        .broker
        .declare(&spec("svc", "order.paid"))
        .await
        .unwrap();
    bench.publish(bench.event("order.paid")).await;
    assert_eq!(bench.broker.stats("svc").unwrap().ready, 1);
}

#[tokio::test]
async fn declaring_again_is_idempotent_and_another_argument_is_named() {
    let bench = Bench::new().await;
    bench.broker.declare(&spec("svc", "order.#")).await.unwrap();
    let other = QueueSpec {
        max_priority: 5,
        ..spec("svc", "order.#")
    };
    let error = bench.broker.declare(&other).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "queue `svc`: it exists with max_priority 10, not 5; use the same value, or another queue"
    );
    let broken = bench.broker.declare(&spec("new", "order.pa*")).await;
    assert!(matches!(broken, Err(BrokerError::Queue { .. })));
    assert_eq!(bench.broker.queues(), ["svc"]);
}

#[tokio::test]
async fn higher_priority_goes_first_and_the_same_in_order() {
    let bench = Bench::new().await;
    for (topic, priority) in [
        ("order.a", None),
        ("order.b", Some(9)),
        ("order.c", Some(3)),
        ("order.d", Some(9)),
        ("order.e", Some(200)),
        ("order.f", Some(0)),
    ] {
        let mut event = bench.event(topic);
        event.meta.priority = priority;
        bench.publish(event).await;
    }
    let mut consumer = bench.consume(0).await;
    let mut order = String::new();
    while let Some(delivery) = ready(&mut consumer) {
        order.push_str(delivery.envelope.topic.trim_start_matches("order."));
        delivery.settle.ack().await.unwrap();
    }
    assert_eq!(order, "ebdcaf", "200 counts as the queue's maximum");
}

#[tokio::test]
async fn prefetch_bounds_what_is_unsettled() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        bench.publish(bench.event("order.paid")).await;
    }
    let mut consumer = bench.consume(2).await;
    let first = ready(&mut consumer).unwrap();
    let _second = ready(&mut consumer).unwrap();
    assert!(ready(&mut consumer).is_none());
    first.settle.ack().await.unwrap();
    assert!(ready(&mut consumer).is_some());
}

#[tokio::test]
async fn a_waiting_consumer_is_woken_by_a_publish_and_by_a_settlement() {
    let bench = Bench::new().await;
    let mut consumer = bench.consume(1).await;
    let (delivery, ()) = tokio::join!(consumer.next(), bench.publish(bench.event("order.paid")));
    bench.publish(bench.event("order.sent")).await;
    let delivery = delivery.unwrap();
    let (next, acked) = tokio::join!(consumer.next(), delivery.settle.ack());
    acked.unwrap();
    assert_eq!(next.unwrap().envelope.topic, "order.sent");
    assert_eq!(bench.clock.sleepers(), 0, "nobody polls");
}

#[tokio::test]
async fn an_unsettled_delivery_comes_back_in_its_old_place_counted() {
    let bench = Bench::new().await;
    bench.publish(bench.event("order.first")).await;
    bench.publish(bench.event("order.second")).await;
    let mut consumer = bench.consume(0).await;
    drop(ready(&mut consumer).unwrap());
    let again = ready(&mut consumer).unwrap();
    assert_eq!(
        (&*again.envelope.topic, again.redelivered),
        ("order.first", 1)
    );
}

#[tokio::test]
async fn a_dropped_consumer_gives_back_and_its_deliveries_settle_nothing() {
    let bench = Bench::new().await;
    bench.publish(bench.event("order.paid")).await;
    let mut consumer = bench.consume(0).await;
    let stale = ready(&mut consumer).unwrap();
    drop(consumer);
    let mut other = bench.consume(0).await;
    let again = ready(&mut other).unwrap();
    assert_eq!(again.redelivered, 1);
    let at = bench.clock.now();
    for result in [
        stale.settle.ack().await,
        stale.settle.requeue(None).await,
        stale.settle.retry("h", 1, at, "x").await,
    ] {
        assert!(matches!(result, Err(BrokerError::Unreachable { .. })));
    }
    drop(stale);
    assert_eq!(bench.broker.stats("svc").unwrap().unsettled, 1);
    again.settle.ack().await.unwrap();
    assert_eq!(bench.broker.stats("svc").unwrap(), Default::default());
}

#[tokio::test]
async fn an_eta_waits_in_the_broker_and_wakes_by_the_clock() {
    let bench = Bench::new().await;
    let mut late = bench.event("order.late");
    late.meta.eta = Some(bench.clock.now() + TimeDelta::seconds(30));
    bench.publish(late).await;
    bench.publish(bench.event("order.now")).await;
    let mut consumer = bench.consume(1).await;
    let now = ready(&mut consumer).unwrap();
    assert_eq!(now.envelope.topic, "order.now");
    now.settle.ack().await.unwrap();

    let clock = bench.clock.clone();
    let advance = async {
        clock.until_sleepers(1).await;
        assert_eq!(clock.advance_to_next(), Some(30 * SECOND));
    };
    let (due, ()) = tokio::join!(consumer.next(), advance);
    assert_eq!(due.unwrap().envelope.topic, "order.late");
}

#[tokio::test]
async fn a_retry_is_for_one_handler_and_outlives_the_ack() {
    let bench = Bench::new().await;
    bench.publish(bench.event("order.paid")).await;
    let mut consumer = bench.consume(1).await;
    let delivery = ready(&mut consumer).unwrap();
    let at = bench.clock.now() + TimeDelta::seconds(5);
    delivery.settle.retry("mail", 2, at, "down").await.unwrap();
    delivery.settle.ack().await.unwrap();
    delivery.settle.retry("bill", 1, at, "down").await.unwrap();
    assert_eq!(bench.broker.stats("svc").unwrap().delayed, 2);
    bench.clock.advance(5 * SECOND);
    let mail = ready(&mut consumer).unwrap();
    assert_eq!((mail.target.as_deref(), mail.retries), (Some("mail"), 2));
    mail.settle.ack().await.unwrap();
    let bill = ready(&mut consumer).unwrap();
    assert_eq!((bill.target.as_deref(), bill.retries), (Some("bill"), 1));
}

#[tokio::test]
async fn a_requeue_keeps_the_message_as_it_was() {
    let bench = Bench::new().await;
    bench.publish(bench.event("order.paid")).await;
    let mut consumer = bench.consume(1).await;
    let delivery = ready(&mut consumer).unwrap();
    let at = bench.clock.now() + TimeDelta::seconds(1);
    delivery.settle.requeue(Some(at)).await.unwrap();
    delivery.settle.ack().await.unwrap();
    drop(delivery);
    assert!(ready(&mut consumer).is_none());
    bench.clock.advance(SECOND);
    assert_eq!(ready(&mut consumer).unwrap().redelivered, 0);
}

#[tokio::test]
async fn dead_letters_are_listed_replayed_and_purged() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for topic in ["order.a", "order.b"] {
        let event = bench.event(topic);
        ids.push(event.id);
        bench.publish(event).await;
    }
    let mut consumer = bench.consume(0).await;
    while let Some(delivery) = ready(&mut consumer) {
        let reason = DeadReason {
            handler: Some("mail".to_owned()),
            attempts: 4,
            error: "smtp is down".to_owned(),
        };
        delivery.settle.dead_letter(reason).await.unwrap();
        delivery.settle.ack().await.unwrap();
    }
    let all = bench
        .broker
        .list("svc", &DeadSelection::All, 9)
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].envelope.id, &*all[0].origin), (ids[0], "svc"));
    assert_eq!(all[0].reason.attempts, 4);

    let one = DeadSelection::Events(vec![ids[1]]);
    assert_eq!(bench.broker.replay("svc", &one).await.unwrap(), 1);
    let replayed = ready(&mut consumer).unwrap();
    assert_eq!(
        (&*replayed.envelope.topic, replayed.retries),
        ("order.b", 0)
    );
    assert_eq!(replayed.target.as_deref(), Some("mail"));

    let before = DeadSelection::Before(bench.clock.now());
    assert_eq!(bench.broker.purge("svc", &before).await.unwrap(), 0);
    assert_eq!(
        bench
            .broker
            .purge("svc", &DeadSelection::All)
            .await
            .unwrap(),
        1
    );
    assert_eq!(bench.broker.stats("svc").unwrap().dead, 0);
}

#[tokio::test]
async fn a_closed_broker_ends_consumers_and_refuses() {
    let bench = Bench::new().await;
    let mut consumer = bench.consume(1).await;
    let close = async { bench.broker.close() };
    let (ended, ()) = tokio::join!(consumer.next(), close);
    assert!(ended.is_none());
    let refused = bench.broker.publish(&[bench.event("order.paid")]).await;
    assert!(matches!(refused[0], Err(PublishError::Refused { .. })));
}
