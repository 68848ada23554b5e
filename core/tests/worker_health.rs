//! What a worker's and a relay's health tell, on the frozen clock.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{
    Broker, BrokerError, Consumer, Delivery, MemoryBroker, PublishError, QueueSpec,
};
use celerysalt::clock::Clock;
use celerysalt::event::Envelope;
use celerysalt::publisher::{Publish, Publisher};
use celerysalt::testing::TestClock;
use celerysalt::worker::{Health, Worker, WorkerState};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot, watch};
use worker_support::{Log, def, paid, with};

/// A broker whose connections a test cuts and mends.
#[derive(Clone)]
struct Line {
    broker: MemoryBroker,
    up: Arc<watch::Sender<bool>>,
    /// Consumers of this queue are lost as soon as they are there.
    lost_queue: Arc<watch::Sender<Option<String>>>,
}

impl Line {
    fn new(clock: &TestClock, up: bool) -> Self {
        Self {
            broker: MemoryBroker::new(Arc::new(clock.clone())),
            up: Arc::new(watch::Sender::new(up)),
            lost_queue: Arc::default(),
        }
    }
}

#[async_trait::async_trait]
impl Broker for Line {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>> {
        self.broker.publish(batch).await
    }

    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError> {
        let up = *self.up.borrow();
        match up {
            true => self.broker.declare(queue).await,
            false => Err(BrokerError::Unreachable {
                reason: "cut".to_owned(),
            }),
        }
    }

    async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError> {
        self.broker.unbind(queue, patterns).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: usize,
    ) -> Result<Box<dyn Consumer>, BrokerError> {
        let inner = self.broker.consume(queue, prefetch).await?;
        let up = match self.lost_queue.borrow().as_deref() == Some(queue) {
            true => watch::Sender::new(false).subscribe(),
            false => self.up.subscribe(),
        };
        Ok(Box::new(OnLine { inner, up }))
    }
}

struct OnLine {
    inner: Box<dyn Consumer>,
    up: watch::Receiver<bool>,
}

#[async_trait::async_trait]
impl Consumer for OnLine {
    async fn next(&mut self) -> Option<Delivery> {
        tokio::select! {
            delivery = self.inner.next() => delivery,
            _ = self.up.wait_for(|up| !*up) => None,
        }
    }
}

async fn until(health: &Health, state: WorkerState) {
    for _ in 0..10_000 {
        if health.snapshot().state == state {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never {state:?}, but {:?}", health.snapshot());
}

#[tokio::test]
async fn a_worker_is_ready_while_it_consumes_and_only_then() {
    let clock = TestClock::new();
    let line = Line::new(&clock, false);
    let worker = Worker::builder(Arc::new(line.clone()), "svc")
        .clock(Arc::new(clock.clone()))
        .handlers([Log::default().handler("h")])
        .build()
        .unwrap();
    let health = worker.health();
    assert!(health.is_live() && !health.is_ready(), "before it runs");

    let (shutdown, told) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async {
        let _ = told.await;
    }));
    clock.until_sleepers(1).await;
    let down = health.snapshot();
    assert_eq!(down.state, WorkerState::Starting);
    assert!(down.error.unwrap().contains("cut"));
    assert!(health.is_live() && !health.is_ready(), "the broker is down");

    line.up.send_replace(true);
    clock.advance_to_next();
    until(&health, WorkerState::Consuming).await;
    assert!(health.is_ready());
    assert_eq!(health.snapshot().since, clock.now());
    assert_eq!(health.snapshot().error, None);

    clock.advance(Duration::from_secs(60));
    line.up.send_replace(false);
    until(&health, WorkerState::Disconnected).await;
    assert!(health.is_live() && !health.is_ready(), "the broker is lost");
    assert_eq!(health.snapshot().since, clock.now());

    clock.until_sleepers(1).await;
    line.up.send_replace(true);
    clock.advance_to_next();
    until(&health, WorkerState::Consuming).await;

    shutdown.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(!health.is_live() && !health.is_ready(), "it has ended");
}

/// One queue that cannot be taken from is enough for not being ready; the other one is taken from all the same.
#[tokio::test]
async fn a_worker_of_several_queues_is_ready_when_all_of_them_are() {
    let clock = TestClock::new();
    let line = Line::new(&clock, true);
    let log = Log::default();
    let slow = with(log.handler("report"), |o| {
        o.queue = Some("slow".to_owned());
    });
    let worker = Worker::builder(Arc::new(line.clone()), "svc")
        .clock(Arc::new(clock.clone()))
        .handlers([log.handler("mail"), slow])
        .build()
        .unwrap();
    let health = worker.health();
    line.lost_queue.send_replace(Some("slow".to_owned()));
    let running = tokio::spawn(worker.run(std::future::pending()));
    until(&health, WorkerState::Disconnected).await;
    let state = |queue: &str| health.snapshot().queues[queue];
    for _ in 0..10_000 {
        if state("svc") == WorkerState::Consuming {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(state("svc"), WorkerState::Consuming);
    assert_eq!(state("slow"), WorkerState::Disconnected);
    assert!(health.is_live() && !health.is_ready());

    line.lost_queue.send_replace(None);
    clock.until_sleepers(1).await;
    clock.advance_to_next();
    until(&health, WorkerState::Consuming).await;
    assert!(health.is_ready());
    let json = serde_json::to_value(health.snapshot()).unwrap();
    assert_eq!(
        json["queues"],
        serde_json::json!({"slow": "consuming", "svc": "consuming"})
    );
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(state("slow"), WorkerState::Ended);
}

#[tokio::test]
async fn a_worker_tells_its_load_and_that_it_shuts_down() {
    let clock = TestClock::new();
    let line = Line::new(&clock, true);
    let gate = Arc::new(Semaphore::new(0));
    let passes = Arc::clone(&gate);
    let handler = def("slow", move |_| {
        let passes = Arc::clone(&passes);
        async move {
            passes.acquire().await.unwrap().forget();
            Ok(Value::Null)
        }
    });
    let worker = Worker::builder(Arc::new(line.clone()), "svc")
        .clock(Arc::new(clock.clone()))
        .handlers([handler])
        .concurrency(2)
        .prefetch_multiplier(2)
        .build()
        .unwrap();
    worker.declare().await.unwrap();
    let publisher = Publisher::to_broker(Arc::new(line)).with_clock(Arc::new(clock.clone()));
    for order in 0..3 {
        paid(order).publish(&publisher).await.unwrap();
    }
    let health = worker.health();
    let (shutdown, told) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async {
        let _ = told.await;
    }));
    let loaded = || {
        let now = health.snapshot();
        (now.in_flight, now.waiting)
    };
    while loaded() != (2, 1) {
        tokio::task::yield_now().await;
    }
    assert_eq!(health.snapshot().last_delivery, Some(clock.now()));

    shutdown.send(()).unwrap();
    until(&health, WorkerState::ShuttingDown).await;
    assert!(health.is_live() && !health.is_ready());
    while loaded() != (2, 0) {
        tokio::task::yield_now().await;
    }
    gate.add_permits(2);
    running.await.unwrap().unwrap();
    assert_eq!(
        (loaded(), health.snapshot().state),
        ((0, 0), WorkerState::Ended)
    );
}

#[tokio::test]
async fn a_worker_that_is_dropped_is_not_live() {
    let clock = TestClock::new();
    let worker = Worker::builder(Arc::new(Line::new(&clock, true)), "svc")
        .clock(Arc::new(clock.clone()))
        .handlers([Log::default().handler("h")])
        .build()
        .unwrap();
    let health = worker.health();
    let running = tokio::spawn(worker.run(std::future::pending()));
    until(&health, WorkerState::Consuming).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(!health.is_live() && !health.is_ready());
}
