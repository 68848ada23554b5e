//! Workers whose broker refuses them, is not there, or loses them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_bench;
mod worker_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, Consumer, MemoryBroker, PublishError, QueueSpec, QueueStats,
};
use celerysalt::event::Envelope;
use celerysalt::worker::{Worker, WorkerError};
use worker_bench::{Bench, start, until};
use worker_support::Log;

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
