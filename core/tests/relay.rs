//! The relay on a frozen clock: leases, shutdown, failures of the store and of destinations, order at a broker.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::broker::{
    Broker, BrokerError, Consumer, MemoryBroker, PublishError, QueueSpec, SharedBroker,
};
use celerysalt::clock::Clock;
use celerysalt::event::Envelope;
use celerysalt::outbox::conformance::event;
use celerysalt::outbox::{
    Backoff, Claim, Destination, Drained, Grouping, MemoryOutbox, OutboxError, OutboxEvent,
    OutboxStatus, OutboxStore, QUARANTINE_AFTER, Relay, Settlement, ToBroker, wake,
};
use celerysalt::testing::TestClock;
use chrono::{DateTime, Utc};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

const LEASE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);
const PLAIN: Backoff = Backoff {
    first: SECOND,
    max: Duration::from_secs(60),
    jitter: false,
};

/// A relay under test, with the outbox behind it.
struct Bench {
    clock: TestClock,
    outbox: MemoryOutbox,
}

impl Bench {
    async fn with(aggregates: &[&str]) -> Self {
        let (clock, outbox) = (TestClock::new(), MemoryOutbox::new());
        let events: Vec<_> = (1..).zip(aggregates).map(|(n, a)| event(a, n)).collect();
        outbox.append(&events, clock.now()).await.unwrap();
        Self { clock, outbox }
    }

    fn relay(&self, destination: impl Destination) -> Relay {
        self.relay_on(Arc::new(self.outbox.clone()), destination)
    }

    fn relay_on(&self, store: Arc<dyn OutboxStore>, destination: impl Destination) -> Relay {
        Relay::builder(store, Arc::new(destination))
            .clock(Arc::new(self.clock.clone()))
            .backoff(PLAIN)
            .lease(LEASE)
            .build()
    }

    async fn status(&self) -> OutboxStatus {
        self.outbox.status().await.unwrap()
    }

    /// Lets tasks run, then moves time on by steps, until it is so.
    async fn until(&self, step: Duration, so: impl AsyncFn() -> bool) {
        for _ in 0..5_000 {
            settle_down().await;
            if so().await {
                return;
            }
            self.clock.advance(step);
        }
        panic!("it never came to be so");
    }
}

/// Lets every task of this thread come to its next wait.
async fn settle_down() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn start(relay: Relay) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(async move {
        relay
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    (stop, running)
}

fn numbers<'a>(events: impl IntoIterator<Item = &'a Envelope>) -> Vec<u64> {
    let number = |e: &Envelope| e.payload["number"].as_u64().unwrap();
    events.into_iter().map(number).collect()
}

/// A broker that refuses some numbers and takes down what it is sent.
#[derive(Default)]
struct Picky {
    refused: Mutex<HashSet<u64>>,
    batches: Mutex<Vec<Vec<u64>>>,
    after: Option<Duration>,
}

impl Picky {
    fn refusing(numbers: &[u64]) -> Arc<Self> {
        Arc::new(Self {
            refused: Mutex::new(numbers.iter().copied().collect()),
            ..Self::default()
        })
    }

    fn batches(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut self.batches.lock().unwrap())
    }
}

#[async_trait]
impl Broker for Picky {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        let sent = numbers(batch);
        let refused = self.refused.lock().unwrap();
        let answer = |number: &u64| match refused.contains(number) {
            false => Ok(()),
            true => Err(PublishError::Refused {
                reason: "nack".to_owned(),
                after: self.after,
            }),
        };
        let answers = sent.iter().map(answer).collect();
        self.batches.lock().unwrap().push(sent);
        answers
    }

    async fn declare(&self, _: &QueueSpec) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn consume(&self, _: &str, _: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        panic!("the relay consumes nothing")
    }
}

fn to(broker: SharedBroker) -> ToBroker {
    ToBroker::new(broker).with_backoff(PLAIN)
}

#[tokio::test]
async fn a_refused_event_holds_back_only_its_aggregate() {
    let bench = Bench::with(&["a", "a", "b", "", "b", "a"]).await;
    let broker = Picky::refusing(&[1]);
    let relay = bench.relay(to(broker.clone()));
    let drained = relay.drain().await.unwrap();
    assert_eq!((drained.delivered, drained.again), (3, 3));
    assert_eq!(broker.batches(), [vec![1, 3, 4], vec![5]], "in waves");
    broker.refused.lock().unwrap().clear();
    assert_eq!(relay.drain().await.unwrap(), Drained::default(), "not due");
    bench.clock.advance(SECOND);
    assert_eq!(relay.drain().await.unwrap().delivered, 3);
    assert_eq!(broker.batches(), [[1], [2], [6]]);
}

#[tokio::test]
async fn refusals_back_off_by_attempts_and_by_what_the_broker_says() {
    let bench = Bench::with(&[""]).await;
    let broker = Picky::refusing(&[1]);
    let relay = bench.relay(to(broker));
    for wait in [1, 2, 4] {
        assert_eq!(relay.drain().await.unwrap().again, 1);
        let due = bench.outbox.next_due(bench.clock.now()).await.unwrap();
        let now = bench.clock.now();
        assert_eq!((due.unwrap() - now).num_seconds(), wait);
        bench.clock.set(due.unwrap());
    }
    let patient = Picky {
        refused: Mutex::new(HashSet::from([1])),
        after: Some(Duration::from_secs(3600)),
        ..Picky::default()
    };
    bench.relay(to(Arc::new(patient))).drain().await.unwrap();
    let due = bench.outbox.next_due(bench.clock.now()).await.unwrap();
    let wait = due.unwrap() - bench.clock.now();
    assert_eq!(wait.num_seconds(), 3600);
}

#[tokio::test]
async fn an_unroutable_event_is_tried_for_a_day_then_kept() {
    let bench = Bench::with(&["a", "a"]).await;
    let relay = bench.relay(to(Arc::new(MemoryBroker::default())));
    assert_eq!(relay.drain().await.unwrap().unroutable, 2);
    let day = Duration::from_secs(24 * 3600);
    bench.clock.advance(day - SECOND);
    assert_eq!(relay.drain().await.unwrap().unroutable, 2);
    bench.clock.advance(day);
    assert_eq!(relay.drain().await.unwrap().unrouted, 2);
    let status = bench.status().await;
    assert_eq!((status.unrouted, status.pending), (2, 0));
}

#[tokio::test]
async fn an_event_goes_out_as_soon_as_somebody_is_bound() {
    let bench = Bench::with(&["a"]).await;
    let broker = MemoryBroker::default();
    let relay = bench.relay(to(Arc::new(broker.clone())));
    relay.drain().await.unwrap();
    let queue = QueueSpec {
        name: "mails".into(),
        bindings: vec!["order.*".into()],
        max_priority: 10,
    };
    broker.declare(&queue).await.unwrap();
    bench.clock.advance(SECOND);
    assert_eq!(relay.drain().await.unwrap().delivered, 1);
    assert_eq!(broker.stats("mails").unwrap().ready, 1);
}

/// Delivers nothing until it is let; says how many wait.
#[derive(Clone, Default)]
struct Gate(Arc<GateState>);

#[derive(Default)]
struct GateState {
    open: Notify,
    inside: AtomicUsize,
    most: AtomicUsize,
    grouping: Mutex<Grouping>,
    slow: Mutex<Option<u64>>,
}

impl Gate {
    fn inside(&self) -> usize {
        self.0.inside.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Destination for Gate {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let inside = self.0.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(inside, Ordering::SeqCst);
        let slow = *self.0.slow.lock().unwrap();
        let numbers = numbers(batch.iter().map(|e| &e.envelope));
        if slow.is_none_or(|slow| numbers.contains(&slow)) {
            self.0.open.notified().await;
        }
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
        let delivered = |_: &OutboxEvent| Settlement::Delivered { dead: Vec::new() };
        batch.iter().map(delivered).collect()
    }

    fn grouping(&self) -> Grouping {
        *self.0.grouping.lock().unwrap()
    }
}

#[tokio::test]
async fn a_long_delivery_keeps_its_claim() {
    let bench = Bench::with(&["a"]).await;
    let gate = Gate::default();
    let (stop, running) = start(bench.relay(gate.clone()));
    bench
        .until(Duration::ZERO, async || gate.inside() == 1)
        .await;
    for _ in 0..30 {
        bench.clock.advance(LEASE / 3);
        settle_down().await;
        let stolen = bench.outbox.claim(1, bench.clock.now(), LEASE).await;
        assert_eq!(stolen.unwrap(), []);
    }
    gate.0.open.notify_waiters();
    bench
        .until(SECOND, async || bench.status().await.delivered == 1)
        .await;
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn shutdown_sees_deliveries_to_their_end() {
    let bench = Bench::with(&["a", "b"]).await;
    let gate = Gate::default();
    let (stop, running) = start(bench.relay(gate.clone()));
    bench
        .until(Duration::ZERO, async || gate.inside() == 1)
        .await;
    stop.send(()).unwrap();
    settle_down().await;
    assert!(!running.is_finished());
    gate.0.open.notify_waiters();
    running.await.unwrap();
    assert_eq!(bench.status().await.delivered, 2);
}

#[tokio::test]
async fn shutdown_gives_back_what_does_not_end() {
    let bench = Bench::with(&["a", "b"]).await;
    let gate = Gate::default();
    let (stop, running) = start(bench.relay(gate.clone()));
    bench
        .until(Duration::ZERO, async || gate.inside() == 1)
        .await;
    stop.send(()).unwrap();
    bench.until(SECOND, async || running.is_finished()).await;
    let claimed = bench.outbox.claim(9, bench.clock.now(), LEASE).await;
    let claimed = claimed.unwrap();
    assert_eq!(claimed.len(), 2, "free at once, not after the lease");
    assert_eq!((claimed[0].lost_claims, claimed[0].attempts), (0, 0));
}

#[tokio::test]
async fn a_slow_aggregate_holds_back_no_other_where_they_go_one_by_one() {
    let bench = Bench::with(&["a", "b", "a", "c", ""]).await;
    let gate = Gate::default();
    *gate.0.grouping.lock().unwrap() = Grouping::Aggregate;
    *gate.0.slow.lock().unwrap() = Some(1);
    let (stop, running) = start(bench.relay(gate.clone()));
    bench
        .until(Duration::ZERO, async || bench.status().await.delivered == 3)
        .await;
    gate.0.open.notify_waiters();
    bench
        .until(Duration::ZERO, async || bench.status().await.delivered == 5)
        .await;
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_suspect_runs_alone() {
    let bench = Bench::with(&["a"]).await;
    for _ in 0..QUARANTINE_AFTER {
        bench
            .outbox
            .claim(1, bench.clock.now(), LEASE)
            .await
            .unwrap();
        bench.clock.advance(LEASE);
    }
    let more: Vec<_> = (2..9).map(|n| event(&n.to_string(), n)).collect();
    bench.outbox.append(&more, bench.clock.now()).await.unwrap();
    let gate = Gate::default();
    *gate.0.grouping.lock().unwrap() = Grouping::Aggregate;
    let (stop, running) = start(bench.relay(gate.clone()));
    bench
        .until(Duration::ZERO, async || gate.inside() == 1)
        .await;
    settle_down().await;
    assert_eq!(gate.0.most.load(Ordering::SeqCst), 1);
    gate.0.open.notify_waiters();
    bench
        .until(Duration::ZERO, async || gate.inside() == 7)
        .await;
    assert_eq!(bench.status().await.delivered, 1);
    stop.send(()).unwrap();
    gate.0.open.notify_waiters();
    running.await.unwrap();
}

/// Panics once, then delivers.
#[derive(Default)]
struct Clumsy(AtomicU32);

#[async_trait]
impl Destination for Clumsy {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("oh"),
            1 => Vec::new(),
            _ => vec![Settlement::Delivered { dead: Vec::new() }; batch.len()],
        }
    }
}

#[tokio::test]
async fn survives_a_destination_that_panics_or_answers_too_little() {
    let bench = Bench::with(&["a"]).await;
    let relay = bench.relay(Clumsy::default());
    assert_eq!(relay.drain().await.unwrap().again, 1);
    bench.clock.advance(SECOND);
    assert_eq!(relay.drain().await.unwrap().again, 1);
    bench.clock.advance(2 * SECOND);
    assert_eq!(relay.drain().await.unwrap().delivered, 1);
}

/// A store that fails for a while, and never says that it changed.
struct Flaky {
    inner: MemoryOutbox,
    failures: AtomicU32,
}

impl Flaky {
    fn failing(inner: &MemoryOutbox, times: u32) -> Arc<Self> {
        Arc::new(Self {
            inner: inner.clone(),
            failures: AtomicU32::new(times),
        })
    }

    fn fail(&self) -> Result<(), OutboxError> {
        let left = |n: u32| n.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => Err(OutboxError::NotMigrated),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl OutboxStore for Flaky {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        self.inner.append(events, now).await
    }
    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        self.fail()?;
        self.inner.claim(limit, now, lease).await
    }
    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.fail()?;
        self.inner.settle(settled, now).await
    }
    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        self.inner.renew(claims, now, lease).await
    }
    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        self.inner.release(claims).await
    }
    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.inner.next_due(now).await
    }
    async fn changed(&self) {
        std::future::pending().await
    }
    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        self.inner.purge(delivered_before).await
    }
    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        self.inner.status().await
    }
}

#[tokio::test]
async fn outlives_failures_of_the_store_and_delivers_once() {
    let bench = Bench::with(&["a", "b"]).await;
    let broker = Picky::refusing(&[]);
    let store = Flaky::failing(&bench.outbox, 3);
    let (stop, running) = start(bench.relay_on(store.clone(), to(broker.clone())));
    bench
        .until(SECOND, async || !broker.batches.lock().unwrap().is_empty())
        .await;
    store.failures.store(3, Ordering::SeqCst);
    bench
        .until(SECOND, async || bench.status().await.delivered == 2)
        .await;
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(broker.batches(), [[1, 2]]);
}

#[tokio::test]
async fn a_drain_reports_failures_of_the_store() {
    let bench = Bench::with(&["a"]).await;
    let relay = bench.relay_on(Flaky::failing(&bench.outbox, 1), to(Picky::refusing(&[])));
    assert!(matches!(relay.drain().await, Err(OutboxError::NotMigrated)));
    assert_eq!(relay.drain().await.unwrap().delivered, 1);
}

#[tokio::test]
async fn wakes_by_signal_and_by_time() {
    let bench = Bench::with(&[]).await;
    let store = Flaky::failing(&bench.outbox, 0);
    let (stop, running) = start(bench.relay_on(store.clone(), to(Picky::refusing(&[]))));
    settle_down().await;
    store
        .append(&[event("a", 1)], bench.clock.now())
        .await
        .unwrap();
    wake();
    bench
        .until(Duration::ZERO, async || bench.status().await.delivered == 1)
        .await;
    store
        .append(&[event("a", 2)], bench.clock.now())
        .await
        .unwrap();
    settle_down().await;
    bench.clock.advance(Duration::from_millis(500));
    bench
        .until(Duration::ZERO, async || bench.status().await.delivered == 2)
        .await;
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_down_is_not_flooded_with_the_backlog() {
    let bench = Bench::with(&[""; 40]).await;
    let broker = Picky::refusing(&(1..=40).collect::<Vec<_>>());
    let relay = Relay::builder(Arc::new(bench.outbox.clone()), Arc::new(to(broker.clone())))
        .clock(Arc::new(bench.clock.clone()))
        .batch(4)
        .in_flight(4)
        .build();
    let (stop, running) = start(relay);
    settle_down().await;
    settle_down().await;
    assert_eq!(broker.batches().len(), 1, "then it pauses");
    bench.clock.advance(Duration::from_millis(500));
    settle_down().await;
    assert_eq!(broker.batches().len(), 1);
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn purges_what_is_delivered_and_old() {
    let bench = Bench::with(&["a"]).await;
    let (stop, running) = start(bench.relay(to(Picky::refusing(&[]))));
    bench
        .until(Duration::ZERO, async || bench.status().await.delivered == 1)
        .await;
    let hour = Duration::from_secs(3600);
    for _ in 0..7 * 24 {
        bench.clock.advance(hour);
        settle_down().await;
    }
    assert_eq!(bench.status().await.delivered, 1);
    bench.clock.advance(hour);
    settle_down().await;
    assert_eq!(bench.status().await, OutboxStatus::default());
    stop.send(()).unwrap();
    running.await.unwrap();
}
