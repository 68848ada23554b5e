//! Workers that are killed, and handlers of which some are early or gone.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_bench;
mod worker_support;

use std::time::Duration;

use celerysalt::broker::QueueStats;
use celerysalt::handler::HandlerError;
use celerysalt::testing::TestBus;
use worker_bench::{Bench, Gate, start, until};
use worker_support::{Log, def, failed, paid, with};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let bench = Bench::new().await;
    let (gate, log) = (Gate::new(), Log::default());
    bench.publish(0..3).await;
    let worker = bench.start([gate.handler("h")]);
    gate.until_entered(2).await;
    worker.kill().await;
    assert_eq!(
        bench.stats(),
        QueueStats {
            ready: 3,
            ..QueueStats::default()
        }
    );
    let worker = bench.start([log.handler("h")]);
    until(|| bench.stats() == QueueStats::default()).await;
    worker.stop().await;
    assert_eq!(log.take(), ["h 0", "h 1", "h 2"]);
}

#[tokio::test]
async fn an_event_that_kills_its_worker_is_dead_after_the_limit() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    bench.publish(7..8).await;
    for _ in 0..3 {
        let worker = start(bench.builder([gate.handler("h")]).crash_limit(2));
        gate.until_entered(1).await;
        worker.kill().await;
    }
    let worker = start(bench.builder([gate.handler("h")]).crash_limit(2));
    until(|| bench.stats().dead == 1).await;
    worker.stop().await;
    let dead = bench.dead().await;
    assert_eq!(dead[0].reason.error, "killed its worker 3 times");
    assert_eq!(
        bench.stats(),
        QueueStats {
            dead: 1,
            ..QueueStats::default()
        }
    );
}

#[tokio::test]
async fn a_handler_that_is_not_to_be_delivered_again_is_dead_after_one_crash() {
    let bench = Bench::new().await;
    let (gate, log) = (Gate::new(), Log::default());
    bench.publish(7..8).await;
    let handlers = || {
        let once = with(gate.handler("once"), |o| o.reject_on_worker_lost = false);
        [once, log.handler("again")]
    };
    let worker = bench.start(handlers());
    gate.until_entered(1).await;
    worker.kill().await;
    let worker = bench.start(handlers());
    until(|| bench.stats().dead == 1).await;
    worker.stop().await;
    assert_eq!(log.take(), ["again 7", "again 7"]);
    let dead = bench.dead().await;
    assert_eq!(dead[0].reason.handler.as_deref(), Some("once"));
    assert!(dead[0].reason.error.contains("reject_on_worker_lost"));
}

#[tokio::test]
async fn dropping_a_handler_in_the_middle_runs_no_more_of_it() {
    let bench = Bench::new().await;
    let (gate, log) = (Gate::new(), Log::default());
    let half = {
        let (gate, log) = (gate.clone(), log.clone());
        def("half", move |_| {
            let (gate, log) = (gate.clone(), log.clone());
            async move {
                log.write("first");
                gate.pass().await;
                log.write("second");
                Err(HandlerError::Reject {
                    error: "never".to_owned(),
                })
            }
        })
    };
    bench.publish(7..8).await;
    let worker = bench.start([half]);
    gate.until_entered(1).await;
    worker.kill().await;
    gate.open.add_permits(1);
    tokio::task::yield_now().await;
    assert_eq!(log.take(), ["first"]);
    assert_eq!(bench.stats().dead, 0);
}

#[tokio::test]
async fn an_early_acknowledgement_is_at_most_once_but_still_retries() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    let early = |def| with(def, |options| options.acks_late = false);
    bench.publish(7..8).await;
    let worker = bench.start([early(gate.handler("h"))]);
    gate.until_entered(1).await;
    assert_eq!(
        bench.stats(),
        QueueStats::default(),
        "acknowledged while it runs"
    );
    worker.kill().await;
    assert_eq!(bench.stats(), QueueStats::default());

    let bus = TestBus::builder()
        .handlers([early(def("h", |_| async { Err(failed(true)) }))])
        .build()
        .await
        .unwrap();
    bus.publish(&paid(7)).await.unwrap();
    bus.run_until_idle().await;
    assert_eq!(bus.stats().delayed, 1);
    bus.advance(HOUR).await;
    assert_eq!(bus.dead_letters().await[0].reason.attempts, 4);
}

#[tokio::test]
async fn early_handlers_start_after_late_ones_have_ended() {
    let bench = Bench::new().await;
    let (gate, log) = (Gate::new(), Log::default());
    let early = with(log.handler("early"), |options| options.acks_late = false);
    bench.publish(7..8).await;
    let worker = bench.start([early.clone(), gate.handler("late")]);
    gate.until_entered(1).await;
    assert!(log.take().is_empty());
    worker.kill().await;
    gate.open.add_permits(1);
    let worker = bench.start([early, gate.handler("late")]);
    gate.until_entered(1).await;
    worker.stop().await;
    assert_eq!(log.take(), ["early 7"], "the crash came before it");
}

#[tokio::test]
async fn a_retry_of_a_handler_that_is_gone_is_kept_as_a_dead_letter() {
    let bench = Bench::new().await;
    bench.publish(7..8).await;
    let worker = bench.start([def("old_name", |_| async { Err(failed(true)) })]);
    until(|| bench.stats().delayed == 1).await;
    worker.stop().await;
    bench.clock.advance(HOUR);
    let log = Log::default();
    let worker = bench.start([log.handler("new_name")]);
    until(|| bench.stats().dead == 1).await;
    worker.stop().await;
    assert!(log.take().is_empty());
    let dead = bench.dead().await;
    assert_eq!(
        dead[0].reason.error,
        "this service has no handler `old_name` any more; it had failed with: smtp is down"
    );
}
