//! A worker of several queues: what each queue gets, which handlers it is for, and where it goes back to.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_bench;
mod worker_support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueStats};
use celerysalt::handler::{HandlerDef, HandlerError, VersionSpec};
use celerysalt::rpc::CallError;
use celerysalt::testing::TestBus;
use celerysalt::worker::WorkerError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use worker_bench::{Bench, Gate, start, until};
use worker_support::{Log, bus, def, failed, failing, paid, request, with};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Add {}

request!(Add, "math.add", i64, Value);

/// The handler takes its events from this queue.
fn at(queue: &str, handler: HandlerDef) -> HandlerDef {
    with(handler, |options| options.queue = Some(queue.to_owned()))
}

fn on(pattern: &str, handler: HandlerDef) -> HandlerDef {
    HandlerDef {
        pattern: pattern.to_owned(),
        ..handler
    }
}

fn ready(count: usize) -> QueueStats {
    QueueStats {
        ready: count,
        ..QueueStats::default()
    }
}

#[tokio::test]
async fn each_handler_gets_an_event_once_from_its_own_queue() {
    let log = Log::default();
    let bench = Bench::new().await;
    let handlers = [
        log.handler("mail"),
        at("slow", log.handler("report")),
        at("slow", log.handler("archive")),
        at("other", on("order.refunded", log.handler("refund"))),
    ];
    let worker = start(bench.builder(handlers));
    until(|| bench.broker.queues().len() == 3).await;
    bench.publish(1..3).await;
    until(|| {
        bench.broker.stats("slow").unwrap() == QueueStats::default()
            && bench.stats() == QueueStats::default()
    })
    .await;
    worker.stop().await;
    let mut lines = log.take();
    lines.sort();
    assert_eq!(
        lines,
        [
            "archive 1",
            "archive 2",
            "mail 1",
            "mail 2",
            "report 1",
            "report 2"
        ]
    );
    assert_eq!(bench.broker.queues(), ["other", "slow", "svc"]);
}

#[tokio::test]
async fn a_worker_takes_only_from_the_queues_that_it_is_given() {
    let log = Log::default();
    let bench = Bench::new().await;
    let builder = |queue: &str| {
        let handlers = [log.handler("mail"), at("slow", log.handler("report"))];
        bench.builder(handlers).queues([queue])
    };
    let mails = start(builder("svc"));
    until(|| bench.broker.queues().len() == 2).await;
    bench.publish(1..3).await;
    until(|| bench.stats() == QueueStats::default()).await;
    mails.stop().await;
    assert_eq!(log.take(), ["mail 1", "mail 2"]);
    assert_eq!(bench.broker.stats("slow").unwrap(), ready(2), "they wait");

    bench.publish(3..4).await;
    let reports = start(builder("slow"));
    until(|| bench.broker.stats("slow").unwrap() == QueueStats::default()).await;
    reports.stop().await;
    assert_eq!(log.take(), ["report 1", "report 2", "report 3"]);
    assert_eq!(bench.stats(), ready(1));
}

#[tokio::test]
async fn a_queue_that_no_handler_has_is_named() {
    let bench = Bench::new().await;
    let handlers = || {
        [
            Log::default().handler("mail"),
            at("slow", Log::default().handler("report")),
        ]
    };
    let built = bench.builder(handlers()).queues(["slow", "slwo"]).build();
    let error = built.err().unwrap();
    assert!(
        matches!(&error, WorkerError::UnknownQueue { queue, known } if queue == "slwo" && known == &["slow", "svc"]),
        "{error:?}"
    );
    assert!(error.to_string().contains("`slow`, `svc`"), "{error}");
    let none = bench
        .builder(handlers())
        .queues(Vec::<String>::new())
        .build();
    assert!(matches!(none.err().unwrap(), WorkerError::NoQueues));
    let unnamed = [
        bench.builder(handlers()).queue("").build(),
        bench
            .builder([at("", Log::default().handler("mail"))])
            .build(),
    ];
    for built in unnamed {
        assert!(matches!(built.err().unwrap(), WorkerError::UnnamedQueue));
    }
}

#[tokio::test]
async fn a_retry_and_a_dead_letter_stay_with_their_queue() {
    let log = Log::default();
    let bench = Bench::new().await;
    let busy = HandlerError::retry_after(Duration::from_secs(5), "busy");
    let fails = with(failing(&log, "report", busy), |o| o.max_retries = Some(1));
    let worker = start(bench.builder([log.handler("mail"), at("slow", fails)]));
    until(|| bench.broker.queues().len() == 2).await;
    bench.publish(7..8).await;
    until(|| bench.broker.stats("slow").unwrap().delayed == 1).await;
    until(|| bench.stats() == QueueStats::default()).await;
    bench.clock.advance(Duration::from_secs(5));
    until(|| bench.broker.stats("slow").unwrap().dead == 1).await;
    worker.stop().await;
    let mut lines = log.take();
    lines.sort();
    assert_eq!(lines, ["0@0", "1@5", "mail 7"]);
    let dead = bench
        .broker
        .list("slow", &DeadSelection::All, 9)
        .await
        .unwrap();
    assert_eq!(dead[0].origin, "slow");
    assert_eq!(dead[0].reason.handler.as_deref(), Some("report"));
    assert_eq!(
        bench.stats(),
        QueueStats::default(),
        "nothing comes to the other queue"
    );
}

/// The concurrency is the worker's, not a queue's.
#[tokio::test]
async fn concurrency_bounds_all_queues_together_and_shutdown_gives_back_to_each() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    let handlers = [gate.handler("mail"), at("slow", gate.handler("report"))];
    let worker = start(bench.builder(handlers).prefetch_multiplier(2));
    until(|| bench.broker.queues().len() == 2).await;
    bench.publish(0..5).await;
    gate.until_entered(2).await;
    let held = || bench.stats().unsettled + bench.broker.stats("slow").unwrap().unsettled;
    until(|| held() == 4).await;
    worker.shutdown.send(()).unwrap();
    until(|| held() == 2).await;
    gate.open.add_permits(20);
    worker.task.await.unwrap().unwrap();
    assert_eq!(gate.most.load(Ordering::SeqCst), 2);
    let (own, slow) = (bench.stats(), bench.broker.stats("slow").unwrap());
    assert_eq!(own.ready + slow.ready, 8, "{own:?} {slow:?}");
    assert_eq!((own, slow), (ready(own.ready), ready(slow.ready)));
}

/// A queue that is never empty keeps no other from its turn.
#[tokio::test]
async fn every_queue_gets_its_turn() {
    let log = Log::default();
    let bench = Bench::new().await;
    let handlers = || {
        [
            log.handler("mail"),
            at("slow", on("order.paid", log.handler("report"))),
        ]
    };
    bench
        .builder(handlers())
        .build()
        .unwrap()
        .declare()
        .await
        .unwrap();
    bench.publish(0..50).await;
    let worker = start(bench.builder(handlers()).concurrency(1));
    until(|| {
        bench.broker.stats("slow").unwrap() == QueueStats::default()
            && bench.stats() == QueueStats::default()
    })
    .await;
    worker.stop().await;
    let lines = log.take();
    let early = lines[..20].iter().filter(|line| line.starts_with("report"));
    let early = early.count();
    assert!(
        (5..=15).contains(&early),
        "{early} of the first 20: {lines:?}"
    );
}

/// The events that came before are the moved handler's; those that come after are in its new queue only.
#[tokio::test]
async fn a_handler_that_moves_to_another_queue_loses_nothing() {
    let log = Log::default();
    let report = || on("order.paid", log.handler("report"));
    // Also the last one of its queue.
    for others in [vec![on("mail.#", log.handler("mail"))], Vec::new()] {
        let bench = Bench::new().await;
        let bound = ["order.#".to_owned()];
        bench.broker.unbind("svc", &bound).await.unwrap();
        let with_others = |handler| others.iter().cloned().chain([handler]).collect::<Vec<_>>();
        let before = bench.builder(with_others(report())).build().unwrap();
        before.declare().await.unwrap();
        bench.publish(1..3).await;
        assert_eq!(bench.stats(), ready(2));

        let worker = start(bench.builder(with_others(at("slow", report()))));
        until(|| bench.broker.queues().len() == 2).await;
        until(|| bench.stats() == QueueStats::default()).await;
        bench.publish(3..4).await;
        assert_eq!(bench.stats(), QueueStats::default(), "bound no more");
        until(|| bench.broker.stats("slow").unwrap() == QueueStats::default()).await;
        worker.stop().await;
        assert_eq!(log.take(), ["report 1", "report 2", "report 3"]);
    }
}

/// A retry finds its handler also when that moved meanwhile.
#[tokio::test]
async fn a_retry_finds_a_handler_that_moved() {
    let log = Log::default();
    let bench = Bench::new().await;
    let busy = HandlerError::retry_after(Duration::from_secs(5), "busy");
    let worker = start(bench.builder([failing(&log, "report", busy)]));
    bench.publish(1..2).await;
    until(|| bench.stats().delayed == 1).await;
    worker.stop().await;
    assert_eq!(log.take(), ["0@0"]);

    let after = [
        on("mail.#", log.handler("mail")),
        at("slow", log.handler("report")),
    ];
    let worker = start(bench.builder(after));
    bench.clock.advance(Duration::from_secs(5));
    until(|| bench.stats() == QueueStats::default()).await;
    worker.stop().await;
    assert_eq!(log.take(), ["report 1"]);
}

#[tokio::test]
async fn two_queues_with_one_pattern_keep_it_both() {
    let log = Log::default();
    let bench = Bench::new().await;
    let handlers = || [log.handler("mail"), at("slow", log.handler("report"))];
    let worker = bench.builder(handlers()).build().unwrap();
    worker.declare().await.unwrap();
    worker.declare().await.unwrap();
    bench.publish(1..2).await;
    assert_eq!(
        (bench.stats(), bench.broker.stats("slow").unwrap()),
        (ready(1), ready(1))
    );
}

async fn calls(
    handlers: impl IntoIterator<Item = HandlerDef>,
) -> (TestBus, Result<i64, CallError<Value>>) {
    let bus = bus(handlers).await;
    let answer = bus.call(&Add {}, TIMEOUT).await;
    (bus, answer)
}

fn five() -> HandlerDef {
    on("math.add", def("math", |_| async { Ok(Value::from(5)) }))
}

/// The queues of one service answer a call as one: who only listens does not, in whatever queue.
#[tokio::test]
async fn a_call_is_answered_by_the_handler_of_its_topic_in_whatever_queue() {
    let noted = |name: &str| on("#", def(name, |_| async { Ok(Value::from("noted")) }));
    let fails = |name: &str| on("#", def(name, |_| async { Err(failed(false)) }));
    // Queues are taken from in the order of their names where all have something.
    for queue in ["a-queue-before", "z-queue-behind"] {
        for listener in [noted("audit"), fails("audit")] {
            let (_, answer) = calls([at(queue, listener.clone()), five()]).await;
            assert_eq!(answer.unwrap(), 5, "{queue}");
            let (_, answer) = calls([listener, at(queue, five())]).await;
            assert_eq!(answer.unwrap(), 5, "{queue}");
        }
    }
}

/// No handler of this queue takes it, but one of another does: that one answers.
#[tokio::test]
async fn a_queue_that_does_not_take_the_version_leaves_the_answer_to_the_other() {
    for queue in ["a-queue-before", "z-queue-behind"] {
        let newer = HandlerDef {
            version: VersionSpec::AtLeast(2),
            ..on("math.add", Log::default().handler("newer"))
        };
        let (_, answer) = calls([at(queue, newer.clone()), five()]).await;
        assert_eq!(answer.unwrap(), 5, "{queue}");
        let (_, answer) = calls([at(queue, newer)]).await;
        assert!(
            matches!(answer, Err(CallError::NoHandler { .. })),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn the_test_bus_shows_all_queues() {
    let log = Log::default();
    let bus = bus([
        failing(&log, "mail", failed(false)),
        at("slow", failing(&log, "report", failed(false))),
    ])
    .await;
    bus.publish(&paid(1)).await.unwrap();
    assert_eq!(bus.stats(), ready(2));
    bus.run_until_idle().await;
    let dead = bus.dead_letters().await;
    let origins: Vec<&str> = dead.iter().map(|letter| letter.origin.as_str()).collect();
    assert_eq!((bus.stats().dead, origins), (2, vec!["slow", "test"]));
    assert_eq!(bus.replay_dead_letters().await, 2);
    assert_eq!(bus.stats(), ready(2));
}
