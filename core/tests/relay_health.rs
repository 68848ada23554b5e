//! What a relay's health tells, on a frozen clock.
#![allow(clippy::unwrap_used, clippy::panic)]

mod relay_bench;

use std::sync::atomic::Ordering;

use celerysalt::clock::Clock;
use relay_bench::flaky::Flaky;
use relay_bench::picky::{Picky, to};
use relay_bench::{Bench, SECOND, start};

#[tokio::test]
async fn a_relay_is_ready_while_it_runs_and_its_store_answers() {
    let bench = Bench::with(&["a"]).await;
    let store = Flaky::failing(&bench.outbox, 0);
    let relay = bench.relay_on(store.clone(), to(Picky::refusing(&[])));
    let health = relay.health();
    assert!(!health.is_live() && !health.is_ready(), "before it runs");

    let (stop, running) = start(relay);
    bench.until(SECOND, async || health.is_ready()).await;

    store.failures.store(u32::MAX, Ordering::SeqCst);
    bench.until(SECOND, async || !health.is_ready()).await;
    let failing = health.snapshot();
    assert_eq!(failing.failing_since, Some(bench.clock.now()));
    assert!(failing.error.unwrap().contains("run the migrations"));
    assert!(health.is_live(), "it tries on");

    store.failures.store(0, Ordering::SeqCst);
    bench.until(SECOND, async || health.is_ready()).await;
    assert_eq!(health.snapshot().failing_since, None);

    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(!health.is_live() && !health.is_ready(), "it has ended");
}

#[tokio::test]
async fn a_relay_whose_future_is_dropped_is_not_live() {
    let bench = Bench::with(&[]).await;
    let relay = bench.relay(to(Picky::refusing(&[])));
    let health = relay.health();
    let (_stop, running) = start(relay);
    bench.until(SECOND, async || health.is_live()).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(!health.is_live());
}
