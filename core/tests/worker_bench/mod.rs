//! A queue on a frozen clock, workers on tasks of their own, and handlers that wait at a gate.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use celerysalt::broker::{
    Broker, DeadLetter, DeadLetters, DeadSelection, MemoryBroker, QueueSpec, QueueStats,
};
use celerysalt::handler::HandlerDef;
use celerysalt::publisher::{Publish, Publisher};
use celerysalt::testing::TestClock;
use celerysalt::worker::{Worker, WorkerBuilder, WorkerError};
use serde_json::Value;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::worker_support::{def, paid};

/// A broker with a queue `svc`, on a frozen clock, and workers on tasks of their own.
pub(crate) struct Bench {
    pub(crate) clock: TestClock,
    pub(crate) broker: MemoryBroker,
    pub(crate) publisher: Publisher,
}

pub(crate) struct Running {
    pub(crate) shutdown: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<Result<(), WorkerError>>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
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

    pub(crate) fn builder(&self, handlers: impl IntoIterator<Item = HandlerDef>) -> WorkerBuilder {
        Worker::builder(Arc::new(self.broker.clone()), "svc")
            .clock(Arc::new(self.clock.clone()))
            .handlers(handlers)
            .concurrency(2)
    }

    pub(crate) fn start(&self, handlers: impl IntoIterator<Item = HandlerDef>) -> Running {
        start(self.builder(handlers))
    }

    pub(crate) async fn publish(&self, orders: std::ops::Range<u64>) {
        for order in orders {
            paid(order).publish(&self.publisher).await.unwrap();
        }
    }

    pub(crate) fn stats(&self) -> QueueStats {
        self.broker.stats("svc").unwrap()
    }

    pub(crate) async fn dead(&self) -> Vec<DeadLetter> {
        self.broker
            .list("svc", &DeadSelection::All, 99)
            .await
            .unwrap()
    }
}

pub(crate) fn start(builder: WorkerBuilder) -> Running {
    let (shutdown, told) = oneshot::channel::<()>();
    let worker = builder.build().unwrap();
    let task = tokio::spawn(worker.run(async {
        let _ = told.await;
    }));
    Running { shutdown, task }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Handlers that wait at a gate; the test knows how many are inside and lets them go.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) open: Arc<Semaphore>,
    pub(crate) inside: Arc<AtomicUsize>,
    pub(crate) most: Arc<AtomicUsize>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            entered: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
            inside: Arc::default(),
            most: Arc::default(),
        }
    }

    pub(crate) async fn pass(&self) {
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.entered.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) async fn until_entered(&self, count: u32) {
        self.entered.acquire_many(count).await.unwrap().forget();
    }

    pub(crate) fn handler(&self, name: &str) -> HandlerDef {
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

/// Lets other tasks run until the condition holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to pass");
}
