//! The relay and a broker, on a frozen clock: order per aggregate, backoff, unroutable events.
#![allow(clippy::unwrap_used, clippy::panic)]

mod relay_bench;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::broker::{Broker, DeadSelection, MemoryBroker, QueueSpec};
use celerysalt::clock::Clock;
use celerysalt::outbox::{DeadLetterStore, Drained, OutboxStore, Relay};
use relay_bench::picky::{Picky, to};
use relay_bench::{Bench, SECOND, settle_down, start};

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
async fn an_event_that_can_never_be_published_is_a_dead_letter_and_holds_back_nothing() {
    let bench = Bench::with(&["a", "a", "a", ""]).await;
    let broker = Arc::new(Picky {
        invalid: HashSet::from([1, 4]),
        ..Picky::default()
    });
    let relay = bench.relay(to(broker.clone()));
    let drained = relay.drain().await.unwrap();
    assert_eq!((drained.again, drained.dead), (0, 2));
    assert_eq!(broker.batches(), [vec![1, 4], vec![2], vec![3]]);
    let status = bench.status().await;
    assert_eq!(
        (status.pending, status.dead),
        (0, 2),
        "kept, and nothing waits"
    );
    let letters = bench.outbox.dead_letters(&DeadSelection::All, 10).await;
    for letter in letters.unwrap() {
        assert_eq!((letter.reason.handler, letter.reason.attempts), (None, 1));
        assert!(letter.reason.error.contains("no object"));
    }

    // Replayed by an operator, to a broker that takes it.
    let replayed = bench.outbox.replay(&DeadSelection::All, bench.clock.now());
    assert_eq!(replayed.await.unwrap(), 2);
    let relay = bench.relay(to(Picky::refusing(&[])));
    assert_eq!(relay.drain().await.unwrap().delivered, 2);
    assert_eq!(bench.status().await.dead, 0);
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
