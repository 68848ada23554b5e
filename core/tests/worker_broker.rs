//! Workers whose broker refuses them, is not there, or loses them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_bench;
mod worker_support;
mod worker_told;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, Consumer, DeadReason, Delivery, MemoryBroker, PublishError, QueueSpec,
    QueueStats, Settle,
};
use celerysalt::event::Envelope;
use celerysalt::worker::{Worker, WorkerError};
use chrono::{DateTime, Utc};
use worker_bench::{Bench, Gate, start, until};
use worker_support::{Log, def, failed, with};
use worker_told::Told;

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

/// A broker that is not there at first, loses consumers as soon as they are made, refuses to keep retries and dead letters,
/// each so many times, or never takes anything back, or wants declarations anew.
#[derive(Clone)]
struct Sulky {
    broker: MemoryBroker,
    away: Arc<AtomicUsize>,
    losses: Arc<AtomicUsize>,
    refusals: Arc<AtomicUsize>,
    takes_nothing_back: bool,
    declared: Arc<AtomicUsize>,
    declare_every: Option<Duration>,
}

/// Whether it is one of these times, of which there is then one less.
fn is_one_of(times: &AtomicUsize) -> bool {
    let left = |left: usize| left.checked_sub(1);
    let taken = times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
    taken.is_ok()
}

fn unless(times: &AtomicUsize) -> Result<(), BrokerError> {
    match is_one_of(times) {
        true => Err(BrokerError::Unreachable {
            reason: "not now".to_owned(),
        }),
        false => Ok(()),
    }
}

impl Sulky {
    fn on(bench: &Bench) -> Self {
        Self {
            broker: bench.broker.clone(),
            away: Arc::default(),
            losses: Arc::default(),
            refusals: Arc::default(),
            takes_nothing_back: false,
            declared: Arc::default(),
            declare_every: None,
        }
    }
}

struct Lost;

#[async_trait::async_trait]
impl Consumer for Lost {
    async fn next(&mut self) -> Option<Delivery> {
        None
    }
}

#[async_trait::async_trait]
impl Broker for Sulky {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        self.broker.publish(batch).await
    }

    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError> {
        unless(&self.away)?;
        self.declared.fetch_add(1, Ordering::SeqCst);
        self.broker.declare(queue).await
    }

    async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError> {
        self.broker.unbind(queue, patterns).await
    }

    fn declare_every(&self) -> Option<Duration> {
        self.declare_every
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        if is_one_of(&self.losses) {
            return Ok(Box::new(Lost));
        }
        let inner = self.broker.consume(queue, prefetch).await?;
        let sulky = self.clone();
        Ok(Box::new(Sulks { inner, sulky }))
    }
}

/// Its consumers and deliveries.
struct Sulks<T: ?Sized> {
    sulky: Sulky,
    inner: Box<T>,
}

#[async_trait::async_trait]
impl Consumer for Sulks<dyn Consumer> {
    async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.inner.next().await?;
        let settle = Sulks {
            sulky: self.sulky.clone(),
            inner: delivery.settle,
        };
        Some(Delivery {
            settle: Box::new(settle),
            ..delivery
        })
    }
}

#[async_trait::async_trait]
impl Settle for Sulks<dyn Settle> {
    async fn retry(
        &self,
        handler: &str,
        retries: u32,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), BrokerError> {
        unless(&self.sulky.refusals)?;
        self.inner.retry(handler, retries, at, error).await
    }

    async fn dead_letter(&self, dead: DeadReason) -> Result<(), BrokerError> {
        unless(&self.sulky.refusals)?;
        self.inner.dead_letter(dead).await
    }

    async fn ack(&self) -> Result<(), BrokerError> {
        self.inner.ack().await
    }

    async fn requeue(&self, at: Option<DateTime<Utc>>) -> Result<(), BrokerError> {
        if self.sulky.takes_nothing_back {
            std::future::pending::<()>().await;
        }
        self.inner.requeue(at).await
    }
}

fn on(sulky: &Sulky, bench: &Bench) -> celerysalt::worker::WorkerBuilder {
    Worker::builder(Arc::new(sulky.clone()), "svc")
        .clock(Arc::new(bench.clock.clone()))
        .concurrency(1)
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_tried_again() {
    let bench = Bench::new().await;
    let (sulky, log) = (Sulky::on(&bench), Log::default());
    sulky.away.store(2, Ordering::SeqCst);
    bench.publish(7..8).await;
    let worker = start(on(&sulky, &bench).handlers([log.handler("h")]));
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

#[tokio::test]
async fn a_consumer_that_is_lost_again_and_again_is_made_anew_with_pauses() {
    let bench = Bench::new().await;
    let (sulky, log) = (Sulky::on(&bench), Log::default());
    sulky.losses.store(3, Ordering::SeqCst);
    bench.publish(7..8).await;
    let worker = start(on(&sulky, &bench).handlers([log.handler("h")]));
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
async fn what_early_handlers_came_to_is_offered_until_the_broker_takes_it() {
    for retryable in [true, false] {
        let bench = Bench::new().await;
        let sulky = Sulky::on(&bench);
        sulky.refusals.store(2, Ordering::SeqCst);
        let fails = def("h", move |_| async move { Err(failed(retryable)) });
        let early = with(fails, |options| options.acks_late = false);
        bench.publish(7..8).await;
        let worker = start(on(&sulky, &bench).handlers([early]));
        for wait in [500, 1_000] {
            bench.clock.until_sleepers(1).await;
            assert_eq!(
                bench.clock.advance_to_next(),
                Some(Duration::from_millis(wait))
            );
            tokio::task::yield_now().await;
        }
        let kept = || (bench.stats().delayed, bench.stats().dead);
        until(|| kept() == (usize::from(retryable), usize::from(!retryable))).await;
        worker.stop().await;
    }
}

#[tokio::test]
async fn what_early_handlers_came_to_holds_its_place_for_a_bounded_time_and_its_loss_is_told() {
    for (retryable, lost) in [
        (false, "its dead letter is lost"),
        (true, "its retry is lost"),
    ] {
        let told = Told::default();
        let _told = tracing::subscriber::set_default(told.subscriber());
        let bench = Bench::new().await;
        let (sulky, log) = (Sulky::on(&bench), Log::default());
        sulky.refusals.store(usize::MAX, Ordering::SeqCst);
        let fails = def("h", move |_| async move { Err(failed(retryable)) });
        let early = with(fails, |options| options.acks_late = false);
        bench.publish(7..8).await;
        let worker = start(on(&sulky, &bench).handlers([early, log.handler("next")]));
        until(|| log.take() == ["next 7"]).await;
        bench.publish(8..9).await;
        let mut passed = Duration::ZERO;
        while log.take().is_empty() {
            passed += bench.clock.advance_to_next().unwrap_or_default();
            assert!(passed < Duration::from_secs(80), "{passed:?}");
            tokio::task::yield_now().await;
        }
        assert!(passed >= Duration::from_secs(60), "{passed:?}");
        assert_eq!((bench.stats().delayed, bench.stats().dead), (0, 0));
        let mut errors = told.errors();
        errors.retain(|error| error.contains("acknowledged early"));
        assert_eq!(errors.len(), 1, "{errors:?}");
        for word in [
            lost,
            "topic=order.paid",
            "handler=\"h\"",
            "smtp is down",
            "not now",
        ] {
            assert!(errors[0].contains(word), "{word}: {errors:?}");
        }
        worker.kill().await;
    }
}

#[tokio::test]
async fn a_shutdown_ends_though_the_broker_takes_nothing_back() {
    let bench = Bench::new().await;
    let gate = Gate::new();
    let mut sulky = Sulky::on(&bench);
    sulky.takes_nothing_back = true;
    bench.publish(7..8).await;
    let builder = on(&sulky, &bench).handlers([gate.handler("h")]);
    let worker = start(builder.shutdown_time(Duration::from_secs(5)));
    gate.until_entered(1).await;
    worker.shutdown.send(()).unwrap();
    for seconds in [5, 15] {
        bench.clock.until_sleepers(1).await;
        let passed = bench.clock.advance_to_next();
        assert_eq!(passed, Some(Duration::from_secs(seconds)));
    }
    worker.task.await.unwrap().unwrap();
    assert_eq!(bench.stats().ready, 1, "the broker gives it out again");
}

#[tokio::test]
async fn a_queue_is_declared_anew_as_often_as_the_broker_wants() {
    const EVERY: Duration = Duration::from_secs(30);
    let bench = Bench::new().await;
    let log = Log::default();
    let mut sulky = Sulky::on(&bench);
    sulky.declare_every = Some(EVERY);
    let worker = start(on(&sulky, &bench).handlers([log.handler("h")]));
    for times in 1..4 {
        until(|| sulky.declared.load(Ordering::SeqCst) == times).await;
        bench.clock.until_sleepers(1).await;
        // What comes meanwhile does not put it off.
        bench.clock.advance(EVERY / 2);
        bench.publish(7..8).await;
        until(|| log.take() == ["h 7"]).await;
        assert_eq!(sulky.declared.load(Ordering::SeqCst), times);
        bench.clock.until_sleepers(1).await;
        bench.clock.advance(EVERY / 2);
    }
    until(|| sulky.declared.load(Ordering::SeqCst) == 4).await;
    worker.stop().await;
}
