//! The worker's life: take, start, shut down.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::sync::watch;

use super::delivery::Handling;
use super::health::{Health, Life, WorkerState};
use super::intake::{Intake, Taken, deliveries};
use super::queues::{Layout, WorkerQueue};
use super::room::WaitingRoom;
use super::service::Service;
use super::tasks::{Placement, Tasks};
use super::{HandlerTable, WorkerBuilder, WorkerError};
use crate::broker::{BrokerError, SharedBroker};
use crate::telemetry::{self, count};

/// How long it may take to return what is not done when the shutdown time is over.
const GRACE: Duration = Duration::from_secs(15);

/// Takes events from a service's queues and runs its handlers; see the [module](super) for what becomes of them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
/// # use celerysalt::worker::handler_fn;
/// # let mail = HandlerDef { name: "mail".into(), pattern: "order.*".into(), version: VersionSpec::Latest,
/// #     options: HandlerOptions::default(),
/// #     handler: std::sync::Arc::new(handler_fn(|_| async { Ok(serde_json::Value::Null) })) };
/// use std::sync::Arc;
/// use celerysalt::broker::MemoryBroker;
/// use celerysalt::worker::Worker;
///
/// let worker = Worker::builder(Arc::new(MemoryBroker::default()), "mails")
///     .handlers([mail])
///     .state("smtp.example.org".to_owned())
///     .build()?;
/// # let shutdown = async {};
/// worker.run(shutdown).await?; // or `run_until_signal()`, with feature `signal`
/// # Ok(()) }
/// ```
pub struct Worker {
    broker: SharedBroker,
    layout: Arc<Layout>,
    queues: Vec<Arc<WorkerQueue>>,
    service: Arc<Service>,
    limits: Limits,
    life: Life,
}

pub(super) struct Limits {
    pub(super) concurrency: usize,
    pub(super) prefetch: usize,
    pub(super) crash_limit: u32,
    pub(super) shutdown_time: Duration,
}

impl Worker {
    /// Sets up a worker of this service.
    pub fn builder(broker: SharedBroker, service: impl Into<String>) -> WorkerBuilder {
        WorkerBuilder::new(broker, service.into())
    }

    pub(super) fn new(
        broker: SharedBroker,
        layout: Layout,
        queues: BTreeMap<String, HandlerTable>,
        service: Service,
        limits: Limits,
    ) -> Self {
        let health = Health::new(Arc::clone(service.clock()), queues.keys().cloned());
        let layout = Arc::new(layout);
        let queues = queues.into_iter().map(|(name, table)| {
            let intake = Intake::new(
                Arc::clone(&broker),
                Arc::clone(&layout),
                name,
                limits.prefetch,
                Arc::clone(service.clock()),
                health.clone(),
            );
            Arc::new(WorkerQueue { intake, table })
        });
        Self {
            queues: queues.collect(),
            broker,
            layout,
            service: Arc::new(service),
            limits,
            life: Life(health),
        }
    }

    /// How it is, for probes, also while it runs and after it.
    pub fn health(&self) -> Health {
        self.life.0.clone()
    }

    /// Declares the queues of all handlers with their bindings, without taking from them, so that nothing published from
    /// now on is unroutable. [`run`](Self::run) does it, too, also for queues that it does not take from.
    ///
    /// # Errors
    /// [`WorkerError::Broker`].
    pub async fn declare(&self) -> Result<(), WorkerError> {
        Ok(self.layout.declare(&*self.broker).await?)
    }

    /// Works until `shutdown` ends. Then takes nothing more, lets running handlers end within the shutdown
    /// time, and returns to their queue what is not done by then. Dropping the future instead is a crash:
    /// the broker gives out again what it held.
    ///
    /// # Errors
    /// [`WorkerError::Broker`] when the queue exists with other arguments. A broker that is not reachable is no
    /// error: the worker tries on.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), WorkerError> {
        self.run_on(Placement::Spawned, shutdown).await
    }

    /// Works until the process is told to end, by SIGTERM or SIGINT, as [`run`](Self::run) with
    /// [`shutdown_signal`](super::shutdown_signal). A second signal ends the shutdown time: what is not done by
    /// then is returned at once.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`WorkerError::Signal`].
    ///
    /// # Panics
    /// In a tokio runtime without I/O (`Builder::enable_io`).
    #[cfg(feature = "signal")]
    pub async fn run_until_signal(self) -> Result<(), WorkerError> {
        let signals = super::signal::shutdown_signals()
            .map_err(|source| WorkerError::Signal(Arc::new(source)))?;
        self.obey(Placement::Spawned, signals).await
    }

    pub(crate) async fn run_on(
        self,
        placement: Placement,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), WorkerError> {
        let once = shutdown.into_stream().chain(stream::pending());
        self.obey(placement, once).await
    }

    /// Works until the first order to end; the second one ends the shutdown time.
    async fn obey(
        self,
        placement: Placement,
        orders: impl Stream<Item = ()> + Send,
    ) -> Result<(), WorkerError> {
        telemetry::describe_metrics();
        let mut orders = std::pin::pin!(orders);
        let mut shift = Shift {
            worker: &self,
            room: WaitingRoom::default(),
            tasks: Tasks::new(placement),
            stop: watch::Sender::new(false),
        };
        for queue in &self.queues {
            tracing::info!(
                queue = queue.name(),
                bindings = ?queue.table.patterns(),
                concurrency = self.limits.concurrency,
                "worker starts"
            );
        }
        let ended = shift.work(deliveries(&self.queues), orders.as_mut()).await;
        self.life.0.enter(WorkerState::ShuttingDown);
        shift.finish(orders).await;
        for queue in &self.queues {
            tracing::info!(queue = queue.name(), "worker ends");
        }
        ended.map_err(WorkerError::from)
    }

    async fn take_nothing_more(&self) {
        join_all(self.queues.iter().map(|queue| queue.intake.stop())).await;
    }
}

/// One run of a worker.
struct Shift<'a> {
    worker: &'a Worker,
    room: WaitingRoom,
    tasks: Tasks,
    stop: watch::Sender<bool>,
}

impl Shift<'_> {
    async fn work(
        &mut self,
        mut deliveries: impl Stream<Item = Result<Taken, BrokerError>> + Unpin,
        mut orders: impl Stream<Item = ()> + Unpin,
    ) -> Result<(), BrokerError> {
        let limits = &self.worker.limits;
        loop {
            self.tell_load();
            let taken = self.room.len() + self.tasks.len();
            let place = self.tasks.len() < limits.concurrency;
            // Takes what is there before it starts anything, so that the most urgent of it goes first.
            tokio::select! {
                biased;
                _ = orders.next() => return Ok(()),
                delivery = deliveries.next(), if taken < limits.prefetch => match delivery {
                    Some(delivery) => self.admit(delivery?),
                    None => return Ok(()),
                },
                () = std::future::ready(()), if place && self.room.len() > 0 => self.start_next(),
                () = self.tasks.one_ended(), if self.tasks.len() > 0 => {}
            }
        }
    }

    fn tell_load(&self) {
        self.worker.life.0.load(self.tasks.len(), self.room.len());
    }

    /// Lets a delivery wait for its turn, by the message's priority, else its handlers'.
    fn admit(&mut self, taken: Taken) {
        self.worker.life.0.taken();
        let (queue, delivery) = &taken;
        count::consumed(queue.name(), &delivery.envelope.topic);
        let by_handlers = || {
            let handlers = queue.handlers(&self.worker.service.table, delivery);
            handlers.iter().filter_map(|def| def.options.priority).max()
        };
        let priority = delivery.envelope.meta.priority.or_else(by_handlers);
        self.room.push(priority.unwrap_or(0), taken);
    }

    fn start_next(&mut self) {
        if let Some((queue, delivery)) = self.room.pop() {
            let service = Arc::clone(&self.worker.service);
            let handling = Handling::new(service, queue, delivery, self.worker.limits.crash_limit);
            self.tasks.start(handling.run(self.stop.subscribe()));
        }
    }

    /// Gives back what was not started, waits for what was as long as it may, then gives back that, too.
    async fn finish(&mut self, mut orders: impl Stream<Item = ()> + Unpin) {
        let limits = &self.worker.limits;
        let time = self.worker.service.clock().sleep(limits.shutdown_time);
        let mut over = std::pin::pin!(async {
            tokio::select! {
                _ = orders.next() => {}
                () = time => {}
            }
        });
        // First of all, or this very worker would be sent again what it gives back.
        let in_time = tokio::select! {
            biased;
            () = self.worker.take_nothing_more() => true,
            () = &mut over => false,
        };
        if in_time {
            tokio::select! {
                biased;
                () = self.end_all() => return,
                () = over => {}
            }
        }
        self.end_now().await;
    }

    /// Gives back what was not started, and waits for what was.
    async fn end_all(&mut self) {
        while let Some((_, delivery)) = self.room.pop() {
            if let Err(error) = delivery.settle.requeue(None).await {
                tracing::warn!(%error, "could not return an event; the broker takes it back itself");
            }
        }
        self.tell_load();
        self.tasks.all_ended().await;
    }

    /// Gives back what is not done, and waits no longer than that may take.
    async fn end_now(&mut self) {
        tracing::warn!(
            handlers = self.tasks.len(),
            "the shutdown time is over; returning what is not done"
        );
        self.stop.send_replace(true);
        let grace = self.worker.service.clock().sleep(GRACE);
        tokio::select! {
            biased;
            () = self.end_all() => return,
            () = grace => {}
        }
        tracing::error!(
            events = self.tasks.len() + self.room.len(),
            "the broker or the result backend did not take what is not done within {GRACE:?}; \
             the broker gives those events out again"
        );
    }
}
