//! The conformance kit of the broker port: the semantics of delivery, as cases to run against every broker.
//!
//! Brokers keep their own time, so a case waits for what must come, at most [`PATIENCE`], and looks at instants for what
//! must not come too early.
//!
//! ```
//! # use std::sync::Arc;
//! # use celerysalt::broker::{DeadLetters, MemoryBroker, SharedBroker, conformance::Subject};
//! struct Mine(MemoryBroker);
//!
//! impl Subject for Mine {
//!     async fn fresh() -> Self { Self(MemoryBroker::default()) }
//!     fn broker(&self) -> SharedBroker { Arc::new(self.0.clone()) }
//!     fn dead(&self) -> Arc<dyn DeadLetters> { Arc::new(self.0.clone()) }
//!     fn unique(&self, name: &str) -> String { name.to_owned() }
//!     async fn close(self) {}
//! }
//!
//! celerysalt::broker_conformance!(Mine);
//! # fn main() {}
//! ```
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod stopping;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    BrokerError, Consumer, DeadLetters, DeadReason, DeadSelection, Delivery, PublishError,
    QueueSpec, SharedBroker,
};
use crate::chain::Chain;
use crate::event::{Envelope, Meta};

pub use stopping::a_stopped_consumer_gives_back_and_settles_on;

/// How long a case waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A broker for one case.
pub trait Subject: Sized {
    /// Makes it.
    fn fresh() -> impl Future<Output = Self>;
    /// The broker.
    fn broker(&self) -> SharedBroker;
    /// Its dead letters.
    fn dead(&self) -> Arc<dyn DeadLetters>;
    /// A name of this case's own, for a queue or the first word of a topic: without dots or wildcards.
    fn unique(&self, name: &str) -> String;
    /// Cleans up.
    fn close(self) -> impl Future<Output = ()>;
}

/// Makes a test of every case, for a [`Subject`].
#[macro_export]
macro_rules! broker_conformance {
    ($subject:ty) => {
        $crate::broker_conformance!($subject:
            every_bound_queue_gets_one_copy, exactly_the_unroutable_are_reported, declares_idempotently,
            envelopes_come_back_whole, higher_priority_goes_first, prefetch_bounds_what_is_held,
            what_is_not_settled_comes_back_counted, a_dropped_consumer_gives_back, an_eta_waits_in_the_broker,
            a_retry_is_for_one_handler, a_requeue_is_not_counted, a_requeue_may_wait,
            dead_letters_are_listed_replayed_and_purged, consumers_share_a_queue,
            a_stopped_consumer_gives_back_and_settles_on,
        );
    };
    ($subject:ty: $($case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            use $crate::broker::conformance::Subject;
            let subject = <$subject>::fresh().await;
            $crate::broker::conformance::$case(&subject).await;
            subject.close().await;
        }
    )*};
}

/// One queue, with events of a topic of its own.
struct Bench {
    broker: SharedBroker,
    queue: String,
    word: String,
}

impl Bench {
    async fn new(subject: &impl Subject) -> Self {
        let bench = Self {
            broker: subject.broker(),
            queue: subject.unique("svc"),
            word: subject.unique("order"),
        };
        bench
            .declare(&bench.queue, &[&format!("{}.#", bench.word)])
            .await
            .unwrap();
        bench
    }

    async fn declare(&self, queue: &str, bindings: &[&str]) -> Result<(), BrokerError> {
        let bindings = bindings
            .iter()
            .map(|binding| (*binding).to_owned())
            .collect();
        let spec = QueueSpec {
            name: queue.to_owned(),
            bindings,
            max_priority: 10,
        };
        self.broker.declare(&spec).await
    }

    fn event(&self, rest: &str) -> Envelope {
        Envelope {
            id: Uuid::now_v7(),
            topic: format!("{}.{rest}", self.word),
            version: Some("v1".to_owned()),
            payload: json!({"name": rest}),
            meta: Meta::default(),
        }
    }

    async fn publish(&self, envelope: Envelope) -> Envelope {
        self.broker
            .publish(std::slice::from_ref(&envelope))
            .await
            .remove(0)
            .unwrap();
        envelope
    }

    async fn consume(&self, prefetch: usize) -> Box<dyn Consumer> {
        self.broker.consume(&self.queue, prefetch).await.unwrap()
    }
}

async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    let delivery = tokio::time::timeout(PATIENCE, consumer.next()).await;
    delivery
        .expect("a delivery comes in time")
        .expect("the consumer goes on")
}

/// That nothing comes, for a moment.
async fn assert_quiet(consumer: &mut Box<dyn Consumer>) {
    let moment = Duration::from_millis(200);
    if let Ok(delivery) = tokio::time::timeout(moment, consumer.next()).await {
        panic!("{:?} came", delivery.map(|delivery| delivery.envelope));
    }
}

fn name(delivery: &Delivery) -> &str {
    delivery.envelope.payload["name"].as_str().unwrap()
}

fn soon() -> DateTime<Utc> {
    Utc::now() + TimeDelta::milliseconds(700)
}

fn dead(handler: &str, error: &str) -> DeadReason {
    DeadReason {
        handler: Some(handler.to_owned()),
        attempts: 4,
        error: error.to_owned(),
    }
}

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

pub async fn an_eta_waits_in_the_broker(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let eta = soon();
    let mut later = bench.event("later");
    later.meta.eta = DateTime::from_timestamp_micros(eta.timestamp_micros());
    bench.publish(later.clone()).await;
    bench.publish(bench.event("now")).await;
    let mut consumer = bench.consume(1).await;
    let first = next(&mut consumer).await;
    assert_eq!(name(&first), "now", "what waits takes no place");
    first.settle.ack().await.unwrap();
    let second = next(&mut consumer).await;
    assert!(Utc::now() >= eta, "too early by {}", eta - Utc::now());
    assert_eq!((*second.envelope).clone(), later);
    assert_eq!(second.redelivered, 0);
    second.settle.ack().await.unwrap();
}

pub async fn a_retry_is_for_one_handler(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let event = bench.publish(bench.event("paid")).await;
    let mut consumer = bench.consume(1).await;
    let first = next(&mut consumer).await;
    let at = soon();
    first
        .settle
        .retry("mails", 1, at, "smtp is down")
        .await
        .unwrap();
    first
        .settle
        .retry("bills", 2, Utc::now(), "busy")
        .await
        .unwrap();
    first.settle.ack().await.unwrap();
    let bills = next(&mut consumer).await;
    assert_eq!(
        (bills.target.as_deref(), bills.retries, bills.redelivered),
        (Some("bills"), 2, 0)
    );
    bills.settle.ack().await.unwrap();
    let mails = next(&mut consumer).await;
    assert!(Utc::now() >= at, "too early");
    assert_eq!((mails.target.as_deref(), mails.retries), (Some("mails"), 1));
    assert_eq!(*mails.envelope, event);
    mails.settle.ack().await.unwrap();
    assert_quiet(&mut consumer).await;
}

pub async fn a_requeue_is_not_counted(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let event = bench.publish(bench.event("paid")).await;
    let mut consumer = bench.consume(1).await;
    drop(next(&mut consumer).await);
    let counted = next(&mut consumer).await;
    assert_eq!(counted.redelivered, 1);
    counted
        .settle
        .retry("mails", 1, Utc::now(), "x")
        .await
        .unwrap();
    counted.settle.requeue(None).await.unwrap();
    let mut come = BTreeSet::new();
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        assert_eq!(*delivery.envelope, event);
        come.insert((delivery.target.clone(), delivery.redelivered));
        delivery.settle.ack().await.unwrap();
    }
    assert_eq!(
        come,
        BTreeSet::from([(None, 1), (Some("mails".to_owned()), 0)])
    );
    assert_quiet(&mut consumer).await;
}

pub async fn a_requeue_may_wait(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let event = bench.publish(bench.event("paid")).await;
    let mut consumer = bench.consume(1).await;
    let at = soon();
    next(&mut consumer)
        .await
        .settle
        .requeue(Some(at))
        .await
        .unwrap();
    let again = next(&mut consumer).await;
    assert!(Utc::now() >= at, "too early");
    assert_eq!(
        (&*again.envelope, again.redelivered, again.retries),
        (&event, 0, 0)
    );
    again.settle.ack().await.unwrap();
}

pub async fn dead_letters_are_listed_replayed_and_purged(subject: &impl Subject) {
    let bench = Bench::new(subject).await;
    let mut consumer = bench.consume(1).await;
    let began = Utc::now() - TimeDelta::seconds(1);
    let mut events = Vec::new();
    for rest in ["first", "second", "third"] {
        events.push(bench.publish(bench.event(rest)).await);
        let delivery = next(&mut consumer).await;
        delivery
            .settle
            .dead_letter(dead("mails", "no such customer"))
            .await
            .unwrap();
        delivery.settle.ack().await.unwrap();
    }
    let letters = subject.dead();
    let all = letters
        .list(&bench.queue, &DeadSelection::All, 10)
        .await
        .unwrap();
    assert_eq!(
        all.iter()
            .map(|letter| &letter.envelope)
            .collect::<Vec<_>>(),
        events.iter().collect::<Vec<_>>()
    );
    for letter in &all {
        assert_eq!(letter.reason, dead("mails", "no such customer"));
        assert_eq!(letter.origin, bench.queue);
        assert!(letter.died_at >= began && letter.died_at <= Utc::now());
    }
    assert_eq!(
        letters
            .list(&bench.queue, &DeadSelection::All, 2)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        letters
            .list(&bench.queue, &DeadSelection::Before(began), 10)
            .await
            .unwrap(),
        []
    );

    let second = DeadSelection::Events(vec![events[1].id]);
    assert_eq!(letters.replay(&bench.queue, &second).await.unwrap(), 1);
    let replayed = next(&mut consumer).await;
    assert_eq!(
        (
            replayed.envelope.id,
            replayed.target.as_deref(),
            replayed.retries
        ),
        (events[1].id, Some("mails"), 0)
    );
    replayed.settle.ack().await.unwrap();

    assert_eq!(
        letters
            .purge(&bench.queue, &DeadSelection::Events(vec![events[0].id]))
            .await
            .unwrap(),
        1
    );
    let left = letters
        .list(&bench.queue, &DeadSelection::All, 10)
        .await
        .unwrap();
    assert_eq!(
        left.iter()
            .map(|letter| letter.envelope.id)
            .collect::<Vec<_>>(),
        [events[2].id]
    );
    assert_eq!(
        letters
            .purge(&bench.queue, &DeadSelection::All)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        letters
            .purge(&bench.queue, &DeadSelection::All)
            .await
            .unwrap(),
        0
    );
    assert_quiet(&mut consumer).await;
}

pub async fn consumers_share_a_queue(subject: &impl Subject) {
    const EVENTS: usize = 200;
    let bench = Bench::new(subject).await;
    let take = |mut consumer: Box<dyn Consumer>| async move {
        let mut taken = Vec::new();
        loop {
            let quiet = Duration::from_secs(1);
            let Ok(Some(delivery)) = tokio::time::timeout(quiet, consumer.next()).await else {
                return taken;
            };
            taken.push(delivery.envelope.id);
            delivery.settle.ack().await.unwrap();
            // A broker that never waits lets the other one have its turn.
            tokio::task::yield_now().await;
        }
    };
    let (one, two) = (bench.consume(5).await, bench.consume(5).await);
    let batch: Vec<Envelope> = (0..EVENTS).map(|n| bench.event(&n.to_string())).collect();
    let publish = async {
        for result in bench.broker.publish(&batch).await {
            result.unwrap();
        }
    };
    let ((), one, two) = tokio::join!(publish, take(one), take(two));
    assert!(
        !one.is_empty() && !two.is_empty(),
        "{} and {}",
        one.len(),
        two.len()
    );
    let all: BTreeSet<Uuid> = one.iter().chain(&two).copied().collect();
    assert_eq!(
        (one.len() + two.len(), all.len()),
        (EVENTS, EVENTS),
        "each once"
    );
}
