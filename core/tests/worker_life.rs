//! A worker's life on the frozen clock: concurrency, prefetch, crashes, early acknowledgement, shutdown.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, Consumer, DeadLetter, DeadLetters, DeadSelection, MemoryBroker,
    PublishError, QueueSpec, QueueStats,
};
use celerysalt::event::Envelope;
use celerysalt::handler::{HandlerDef, HandlerError};
use celerysalt::publisher::{Publish, Publisher};
use celerysalt::testing::{TestBus, TestClock};
use celerysalt::worker::{Worker, WorkerBuilder, WorkerError};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use worker_support::{Log, def, failed, paid, with};

const HOUR: Duration = Duration::from_secs(3600);

/// A broker with a queue `svc`, on a frozen clock, and workers on tasks of their own.
struct Bench {
    clock: TestClock,
    broker: MemoryBroker,
    publisher: Publisher,
}

struct Running {
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), WorkerError>>,
}

impl Bench {
    async fn new() -> Self {
        let clock = TestClock::new();
        let broker = MemoryBroker::new(Arc::new(clock.clone()));
        let publisher =
            Publisher::to_broker(Arc::new(broker.clone())).with_clock(Arc::new(clock.clone()));
        let queue = QueueSpec {
            name: "svc".to_owned(),
            bindings: vec!["order.#".to_owned()],
            max_priority: 10,
        };
        broker.declare(&queue).await.unwrap();
        Self {
            clock,
            broker,
            publisher,
        }
    }

    fn builder(&self, handlers: impl IntoIterator<Item = HandlerDef>) -> WorkerBuilder {
        Worker::builder(Arc::new(self.broker.clone()), "svc")
            .clock(Arc::new(self.clock.clone()))
            .handlers(handlers)
            .concurrency(2)
    }

    fn start(&self, handlers: impl IntoIterator<Item = HandlerDef>) -> Running {
        start(self.builder(handlers))
    }

    async fn publish(&self, orders: std::ops::Range<u64>) {
        for order in orders {
            paid(order).publish(&self.publisher).await.unwrap();
        }
    }

    fn stats(&self) -> QueueStats {
        self.broker.stats("svc").unwrap()
    }

    async fn dead(&self) -> Vec<DeadLetter> {
        self.broker
            .list("svc", &DeadSelection::All, 99)
            .await
            .unwrap()
    }
}

fn start(builder: WorkerBuilder) -> Running {
    let (shutdown, told) = oneshot::channel::<()>();
    let worker = builder.build().unwrap();
    let task = tokio::spawn(worker.run(async {
        let _ = told.await;
    }));
    Running { shutdown, task }
}

impl Running {
    async fn stop(self) {
        self.shutdown.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Handlers that wait at a gate; the test knows how many are inside and lets them go.
#[derive(Clone)]
struct Gate {
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> Self {
        Self {
            entered: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
            inside: Arc::default(),
            most: Arc::default(),
        }
    }

    async fn pass(&self) {
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.entered.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    async fn until_entered(&self, count: u32) {
        self.entered.acquire_many(count).await.unwrap().forget();
    }

    fn handler(&self, name: &str) -> HandlerDef {
        let gate = self.clone();
        def(name, move |_| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok(Value::Null)
            }
        })
    }
}

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
    bench.clock.advance(HOUR);
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
        "this service has no handler `old_name` any more"
    );
}

#[tokio::test]
async fn a_queue_with_other_arguments_ends_the_worker() {
    let bench = Bench::new().await;
    let log = Log::default();
    let worker = start(bench.builder([log.handler("h")]).max_priority(3));
    let error = worker.task.await.unwrap().unwrap_err();
    assert!(
        matches!(error, WorkerError::Broker(BrokerError::Queue { .. })),
        "{error}"
    );
}

/// A broker that cannot be reached the first times.
struct Shaky {
    broker: MemoryBroker,
    failures: AtomicUsize,
}

#[async_trait::async_trait]
impl Broker for Shaky {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        self.broker.publish(batch).await
    }

    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError> {
        let left = self.failures.load(Ordering::SeqCst);
        if left > 0 {
            self.failures.store(left - 1, Ordering::SeqCst);
            return Err(BrokerError::Unreachable {
                reason: "refused".to_owned(),
            });
        }
        self.broker.declare(queue).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        self.broker.consume(queue, prefetch).await
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_tried_again() {
    let bench = Bench::new().await;
    let log = Log::default();
    bench.publish(7..8).await;
    let shaky = Shaky {
        broker: bench.broker.clone(),
        failures: AtomicUsize::new(2),
    };
    let builder = Worker::builder(Arc::new(shaky), "svc")
        .clock(Arc::new(bench.clock.clone()))
        .handlers([log.handler("h")]);
    let worker = start(builder);
    for wait in [1, 2] {
        bench.clock.until_sleepers(1).await;
        assert_eq!(
            bench.clock.advance_to_next(),
            Some(Duration::from_secs(wait))
        );
        tokio::task::yield_now().await;
    }
    until(|| bench.stats() == QueueStats::default()).await;
    worker.stop().await;
    assert_eq!(log.take(), ["h 7"]);
}

/// A broker whose consumers are lost as soon as they are made.
struct Fickle {
    broker: MemoryBroker,
    consumers: AtomicUsize,
}

struct Lost;

#[async_trait::async_trait]
impl Consumer for Lost {
    async fn next(&mut self) -> Option<celerysalt::broker::Delivery> {
        None
    }
}

#[async_trait::async_trait]
impl Broker for Fickle {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        self.broker.publish(batch).await
    }

    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError> {
        self.broker.declare(queue).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        match self.consumers.fetch_add(1, Ordering::SeqCst) {
            0..3 => Ok(Box::new(Lost)),
            _ => self.broker.consume(queue, prefetch).await,
        }
    }
}

#[tokio::test]
async fn a_consumer_that_is_lost_again_and_again_is_made_anew_with_pauses() {
    let bench = Bench::new().await;
    let log = Log::default();
    bench.publish(7..8).await;
    let fickle = Fickle {
        broker: bench.broker.clone(),
        consumers: AtomicUsize::new(0),
    };
    let builder = Worker::builder(Arc::new(fickle), "svc")
        .clock(Arc::new(bench.clock.clone()))
        .handlers([log.handler("h")]);
    let worker = start(builder);
    for _ in 0..3 {
        bench.clock.until_sleepers(1).await;
        assert_eq!(bench.clock.advance_to_next(), Some(Duration::from_secs(1)));
        tokio::task::yield_now().await;
    }
    until(|| bench.stats() == QueueStats::default()).await;
    worker.stop().await;
    assert_eq!(log.take(), ["h 7"]);
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

/// Lets other tasks run until the condition holds.
async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to pass");
}
