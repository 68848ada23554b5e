//! How a worker is set up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::queues::{Layout, select};
use super::run::{Limits, Worker};
use super::service::Setup;
use super::{Jitter, WorkerError};
use crate::broker::SharedBroker;
use crate::clock::SharedClock;
use crate::handler::HandlerDef;
use crate::rpc::SharedResultBackend;

/// Sets up a [`Worker`]; see the methods for the defaults.
#[must_use = "`build` makes the worker"]
pub struct WorkerBuilder {
    broker: SharedBroker,
    service: String,
    queue: Option<String>,
    queues: Option<BTreeSet<String>>,
    max_priority: u8,
    prefetch_multiplier: usize,
    crash_limit: u32,
    shutdown_time: Duration,
    setup: Setup,
}

impl WorkerBuilder {
    pub(super) fn new(broker: SharedBroker, service: String) -> Self {
        Self {
            broker,
            service,
            queue: None,
            queues: None,
            max_priority: 10,
            prefetch_multiplier: 1,
            crash_limit: 3,
            shutdown_time: Duration::from_secs(30),
            setup: Setup::default(),
        }
    }

    /// The name of the service's own queue, from which every handler takes that names no other
    /// ([`HandlerOptions::queue`](crate::handler::HandlerOptions::queue)); the service's name unless told.
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.queue = Some(name.into());
        self
    }

    /// Takes from these of its handlers' queues, as Celery's `worker -Q`; from all of them unless told. The others are
    /// declared as well, and what comes to them waits for a worker that takes from them. Two calls add up.
    ///
    /// Reports that may not stand in the way of mails, one at a time in the same process:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
    /// # use celerysalt::worker::handler_fn;
    /// # let def = |name: &str, queue: Option<&str>| HandlerDef { name: name.into(), pattern: "order.*".into(),
    /// #     version: VersionSpec::Latest,
    /// #     options: HandlerOptions { queue: queue.map(str::to_owned), ..HandlerOptions::default() },
    /// #     handler: std::sync::Arc::new(handler_fn(|_| async { Ok(serde_json::Value::Null) })) };
    /// # let handlers = || [def("mail", None), def("report", Some("shop-reports"))];
    /// # let shutdown = async || {};
    /// use std::sync::Arc;
    /// use celerysalt::broker::MemoryBroker;
    /// use celerysalt::worker::Worker;
    ///
    /// // #[subscribe("order.*")] async fn mail(…)
    /// // #[subscribe("order.*", queue = "shop-reports")] async fn report(…)
    /// let broker = Arc::new(MemoryBroker::default());
    /// let worker = || Worker::builder(broker.clone(), "shop").handlers(handlers());
    /// let mails = worker().queues(["shop"]).concurrency(16).build()?;
    /// let reports = worker().queues(["shop-reports"]).concurrency(1).build()?;
    /// tokio::try_join!(mails.run(shutdown()), reports.run(shutdown()))?;
    /// # Ok(()) }
    /// ```
    pub fn queues(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let named = self.queues.get_or_insert_default();
        named.extend(names.into_iter().map(Into::into));
        self
    }

    /// The queues' highest priority; 10 unless told, as celery-salt declares it.
    pub fn max_priority(mut self, highest: u8) -> Self {
        self.max_priority = highest;
        self
    }

    /// The clock; the system's unless told.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.setup.clock = clock;
        self
    }

    /// A value that handlers may ask for by its type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.setup.state.insert(value);
        self
    }

    /// These handlers, instead of every `#[subscribe]` function that is linked into the program.
    pub fn handlers(mut self, handlers: impl IntoIterator<Item = HandlerDef>) -> Self {
        self.setup.handlers = Some(handlers.into_iter().collect());
        self
    }

    /// How many events are handled at a time, of all queues together; as many as the machine has cores unless told, as in
    /// Celery.
    pub fn concurrency(mut self, events: usize) -> Self {
        self.setup.concurrency = events.max(1);
        self
    }

    /// How many events are taken from the broker for each that is handled: 1 unless told, as in celery-salt
    /// (Celery: 4). What is taken and not yet handled starts by its handlers' `priority`. With several queues the broker
    /// may set aside as many from each.
    pub fn prefetch_multiplier(mut self, events: usize) -> Self {
        self.prefetch_multiplier = events.max(1);
        self
    }

    /// How often an event may be delivered again after it took its worker down: 3 unless told. One time more and it is a
    /// dead letter. A lost connection counts only where the broker cannot tell it from that (RabbitMQ: when another
    /// process gets the event).
    pub fn crash_limit(mut self, redeliveries: u32) -> Self {
        self.crash_limit = redeliveries;
        self
    }

    /// How long running handlers may take to end on shutdown; 30 s unless told.
    pub fn shutdown_time(mut self, time: Duration) -> Self {
        self.shutdown_time = time;
        self
    }

    /// Where answers to RPCs go; without one they are lost with a warning.
    pub fn results(mut self, backend: SharedResultBackend) -> Self {
        self.setup.results = Some(backend);
        self
    }

    /// Where the randomness of retries comes from; the process's unless told.
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.setup.jitter = jitter;
        self
    }

    /// The worker.
    ///
    /// # Errors
    /// [`WorkerError::NoHandlers`], [`WorkerError::DuplicateHandler`], [`WorkerError::Pattern`],
    /// [`WorkerError::UnknownQueue`], [`WorkerError::NoQueues`], [`WorkerError::UnnamedQueue`].
    pub fn build(mut self) -> Result<Worker, WorkerError> {
        let concurrency = self.setup.concurrency;
        self.setup.system = self.broker.system();
        let service = self.setup.build(&self.service)?;
        let own = self.queue.unwrap_or(self.service);
        let tables = service.table.by_queue(&own);
        if tables.contains_key("") {
            return Err(WorkerError::UnnamedQueue);
        }
        let layout = Layout::new(&tables, self.max_priority);
        let queues = select(tables, self.queues)?;
        let limits = Limits {
            concurrency,
            prefetch: concurrency.saturating_mul(self.prefetch_multiplier),
            crash_limit: self.crash_limit,
            shutdown_time: self.shutdown_time,
        };
        Ok(Worker::new(self.broker, layout, queues, service, limits))
    }
}
