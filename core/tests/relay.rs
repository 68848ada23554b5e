//! The relay on a frozen clock: leases, shutdown, failures of the store and of destinations.
#![allow(clippy::unwrap_used, clippy::panic)]

mod relay_bench;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::clock::Clock;
use celerysalt::outbox::conformance::event;
use celerysalt::outbox::{
    Destination, Grouping, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, QUARANTINE_AFTER,
    Settlement, wake,
};
use relay_bench::flaky::Flaky;
use relay_bench::picky::{Picky, to};
use relay_bench::{Bench, LEASE, SECOND, numbers, settle_down, start};
use tokio::sync::Notify;

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
