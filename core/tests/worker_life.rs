//! A worker's life on the frozen clock: concurrency, prefetch, shutdown.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_bench;
mod worker_support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use celerysalt::broker::{Broker, QueueStats};
use serde_json::Value;
use tokio::sync::Semaphore;
use worker_bench::{Bench, Gate, start};
use worker_support::{Log, def};

#[tokio::test]
async fn concurrency_and_prefetch_are_bounds() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    bench.publish(0..9).await;
    let worker = start(bench.builder([gate.handler("h")]).prefetch_multiplier(3));
    gate.until_entered(2).await;
    assert_eq!(
        bench.stats(),
        QueueStats {
            ready: 3,
            unsettled: 6,
            ..QueueStats::default()
        }
    );
    gate.open.add_permits(9);
    gate.until_entered(7).await;
    worker.stop().await;
    assert_eq!(gate.most.load(Ordering::SeqCst), 2);
    assert_eq!(bench.stats(), QueueStats::default());
}

#[tokio::test]
async fn several_handlers_of_one_event_run_side_by_side() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    let worker = start(
        bench
            .builder([gate.handler("a"), gate.handler("b")])
            .concurrency(1),
    );
    bench.publish(0..1).await;
    gate.until_entered(2).await;
    gate.open.add_permits(2);
    worker.stop().await;
    assert_eq!(bench.stats(), QueueStats::default());
}

#[tokio::test]
async fn shutdown_waits_for_running_handlers_and_takes_nothing_more() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    bench.publish(0..5).await;
    let worker = start(bench.builder([gate.handler("h")]).prefetch_multiplier(2));
    gate.until_entered(2).await;
    worker.shutdown.send(()).unwrap();
    bench.clock.until_sleepers(1).await;
    assert_eq!(
        bench.stats(),
        QueueStats {
            ready: 3,
            unsettled: 2,
            ..QueueStats::default()
        }
    );
    gate.open.add_permits(2);
    worker.task.await.unwrap().unwrap();
    assert_eq!(
        bench.stats(),
        QueueStats {
            ready: 3,
            ..QueueStats::default()
        }
    );
    assert_eq!(bench.clock.sleepers(), 0);
}

#[tokio::test]
async fn shutdown_returns_what_is_not_done_in_time_uncounted() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    bench.publish(0..3).await;
    let builder = bench.builder([gate.handler("h")]);
    let worker = start(builder.shutdown_time(Duration::from_secs(5)));
    gate.until_entered(2).await;
    worker.shutdown.send(()).unwrap();
    bench.clock.until_sleepers(1).await;
    assert_eq!(bench.clock.advance_to_next(), Some(Duration::from_secs(5)));
    worker.task.await.unwrap().unwrap();
    assert_eq!(
        bench.stats(),
        QueueStats {
            ready: 3,
            ..QueueStats::default()
        }
    );
    let mut consumer = bench.broker.consume("svc", 0).await.unwrap();
    let mut held = Vec::new();
    for order in 0..3 {
        let delivery = consumer.next().await.unwrap();
        assert_eq!((delivery.redelivered, delivery.retries), (0, 0));
        assert_eq!(
            delivery.envelope.payload["order_id"], order,
            "in its old place"
        );
        held.push(delivery);
    }
}

#[tokio::test]
async fn shutdown_gives_back_only_the_handler_that_is_not_done() {
    let bench = Bench::new().await;
    let (gate, log) = (Gate::new(), Log::default());
    bench.publish(0..1).await;
    let worker = bench.start([gate.handler("slow"), log.handler("quick")]);
    gate.until_entered(1).await;
    worker.shutdown.send(()).unwrap();
    bench.clock.until_sleepers(1).await;
    bench.clock.advance(Duration::from_secs(3600));
    worker.task.await.unwrap().unwrap();
    assert_eq!(
        bench.stats(),
        QueueStats {
            ready: 1,
            ..QueueStats::default()
        }
    );
    gate.open.add_permits(1);
    let worker = bench.start([gate.handler("slow"), log.handler("quick")]);
    gate.until_entered(1).await;
    worker.stop().await;
    assert_eq!(log.take(), ["quick 0"]);
    assert_eq!(bench.stats(), QueueStats::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_workers_on_several_threads_handle_everything_once() {
    const EVENTS: u64 = 2000;
    let bench = Bench::new().await;
    let (log, done) = (Log::default(), Arc::new(Semaphore::new(0)));
    let handler = {
        let (log, done) = (log.clone(), Arc::clone(&done));
        def("h", move |cx| {
            let (log, done) = (log.clone(), Arc::clone(&done));
            async move {
                tokio::task::yield_now().await;
                log.write(format!(
                    "{:05}",
                    cx.envelope.payload["order_id"].as_u64().unwrap()
                ));
                done.add_permits(1);
                Ok(Value::Null)
            }
        })
    };
    let workers = [0, 1].map(|_| start(bench.builder([handler.clone()]).concurrency(8)));
    bench.publish(0..EVENTS).await;
    done.acquire_many(EVENTS as u32).await.unwrap().forget();
    for worker in workers {
        worker.stop().await;
    }
    let mut lines = log.take();
    lines.sort();
    let expected: Vec<_> = (0..EVENTS).map(|order| format!("{order:05}")).collect();
    assert_eq!(lines, expected);
    assert_eq!(bench.stats(), QueueStats::default());
}
