//! How a worker is set up.

use std::sync::Arc;
use std::time::Duration;

use super::run::{Limits, Worker};
use super::service::Setup;
use super::{Jitter, WorkerError};
use crate::broker::{QueueSpec, SharedBroker};
use crate::clock::SharedClock;
use crate::handler::HandlerDef;
use crate::rpc::SharedResultBackend;

/// Sets up a [`Worker`]; see the methods for the defaults.
pub struct WorkerBuilder {
    broker: SharedBroker,
    service: String,
    queue: Option<String>,
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
            max_priority: 10,
            prefetch_multiplier: 1,
            crash_limit: 3,
            shutdown_time: Duration::from_secs(30),
            setup: Setup::default(),
        }
    }

    /// The queue's name; the service's unless told. A worker takes from one queue: a process that wants several runs a
    /// worker for each, with the handlers that belong to it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
    /// # use celerysalt::worker::handler_fn;
    /// # let def = |name: &str, pattern: &str| HandlerDef { name: name.into(), pattern: pattern.into(),
    /// #     version: VersionSpec::Latest, options: HandlerOptions::default(),
    /// #     handler: std::sync::Arc::new(handler_fn(|_| async { Ok(serde_json::Value::Null) })) };
    /// # let (mail, report) = (def("mail", "order.*"), def("report", "report.*"));
    /// # let shutdown = async || {};
    /// use std::sync::Arc;
    /// use celerysalt::broker::MemoryBroker;
    /// use celerysalt::worker::Worker;
    ///
    /// let broker = Arc::new(MemoryBroker::default());
    /// let mails = Worker::builder(broker.clone(), "shop").handlers([mail]).concurrency(16).build()?;
    /// let reports = Worker::builder(broker, "shop").queue("shop-reports").handlers([report]).concurrency(1).build()?;
    /// tokio::try_join!(mails.run(shutdown()), reports.run(shutdown()))?;
    /// # Ok(()) }
    /// ```
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.queue = Some(name.into());
        self
    }

    /// The queue's highest priority; 10 unless told, as celery-salt declares it.
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

    /// How many events are handled at a time; as many as the machine has cores unless told, as in Celery.
    pub fn concurrency(mut self, events: usize) -> Self {
        self.setup.concurrency = events.max(1);
        self
    }

    /// How many events are taken from the broker for each that is handled: 1 unless told, as in celery-salt
    /// (Celery: 4). What is taken and not yet handled starts by its handlers' `priority`.
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
    /// [`WorkerError::NoHandlers`], [`WorkerError::DuplicateHandler`], [`WorkerError::Pattern`].
    pub fn build(mut self) -> Result<Worker, WorkerError> {
        let concurrency = self.setup.concurrency;
        self.setup.system = self.broker.system();
        let service = self.setup.build(&self.service)?;
        let queue = QueueSpec {
            name: self.queue.unwrap_or(self.service),
            bindings: service.table.patterns(),
            max_priority: self.max_priority,
        };
        let limits = Limits {
            concurrency,
            prefetch: concurrency.saturating_mul(self.prefetch_multiplier),
            crash_limit: self.crash_limit,
            shutdown_time: self.shutdown_time,
        };
        Ok(Worker::new(self.broker, queue, service, limits))
    }
}
