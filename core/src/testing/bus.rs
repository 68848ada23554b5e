//! A bus for tests: the real worker on the in-memory broker, which runs only when it is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use uuid::Uuid;

use super::TestClock;
use super::driver::{Busy, Driver, Watched};
use super::recorder::Recorder;
use crate::broker::{
    DeadLetter, DeadLetters, DeadSelection, MemoryBroker, QueueStats, SharedBroker,
};
use crate::catalog::SubscriberEntry;
use crate::clock::{Clock, SharedClock};
use crate::event::{Envelope, Event, Request};
use crate::handler::HandlerDef;
use crate::publisher::{Publish, Publisher, PublisherError};
use crate::rpc::{Call, CallError, MemoryResults, RpcClient};
use crate::worker::{Jitter, Placement, SeededJitter, Worker, WorkerBuilder, WorkerError};

const QUEUE: &str = "test";

/// Publishes, runs handlers when told, and knows what was published and what died. Time stands still but for
/// [`advance`](TestBus::advance).
///
/// ```
/// # use celerysalt::event::{Event, Mode};
/// # use celerysalt::handler::{HandlerDef, HandlerError, HandlerOptions, VersionSpec};
/// # use celerysalt::worker::handler_fn;
/// # use serde::{Serialize, Deserialize}; use schemars::JsonSchema;
/// # #[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)] struct OrderPaid { order_id: u64 }
/// # impl Event for OrderPaid { const TOPIC: &'static str = "order.paid"; const VERSION: &'static str = "v1";
/// #     const NAME: &'static str = "OrderPaid"; const MODE: Mode = Mode::Broadcast; }
/// # fn mail() -> HandlerDef { HandlerDef { name: "mail".into(), pattern: "order.*".into(),
/// #     version: VersionSpec::Latest, options: HandlerOptions::default(),
/// #     handler: std::sync::Arc::new(handler_fn(|cx| async move { match cx.retries {
/// #         0 => Err(HandlerError::Retry { error: "smtp is down".into(), after: None }),
/// #         _ => Ok(serde_json::Value::Null) } })) } }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use celerysalt::testing::TestBus;
///
/// let bus = TestBus::builder().handlers([mail()]).build().await?; // without `handlers`: all that are linked
/// bus.publish(&OrderPaid { order_id: 7 }).await?;
/// bus.run_until_idle().await;
///
/// bus.assert_published(&OrderPaid { order_id: 7 });
/// assert_eq!(bus.stats().delayed, 1); // the mail failed and waits for its retry
/// bus.advance(Duration::from_secs(180)).await;
/// assert_eq!(bus.stats(), Default::default());
/// assert!(bus.dead_letters().await.is_empty());
/// # Ok(()) }
/// ```
pub struct TestBus {
    clock: TestClock,
    recorder: Arc<Recorder>,
    publisher: Publisher,
    client: RpcClient,
    driver: Mutex<Driver>,
}

/// Sets up a [`TestBus`].
#[must_use]
pub struct TestBusBuilder {
    clock: TestClock,
    handlers: Option<Vec<HandlerDef>>,
    jitter: Arc<dyn Jitter>,
    strict: bool,
    settings: Vec<Box<dyn FnOnce(WorkerBuilder) -> WorkerBuilder + Send>>,
}

impl TestBus {
    /// A bus with every `#[subscribe]` function that is linked into the test.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn new() -> Result<Self, WorkerError> {
        Self::builder().build().await
    }

    /// Sets up a bus.
    pub fn builder() -> TestBusBuilder {
        TestBusBuilder {
            clock: TestClock::new(),
            handlers: None,
            jitter: Arc::new(SeededJitter::new(0)),
            strict: false,
            settings: Vec::new(),
        }
    }

    /// The bus's clock.
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// A publisher to the bus, for the code under test.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The bus as a broker, for code under test that takes one (a relay).
    pub fn broker(&self) -> SharedBroker {
        Arc::clone(&self.recorder) as SharedBroker
    }

    /// An RPC client on the bus. Its calls are answered only while the bus runs: see [`call`](Self::call).
    pub fn client(&self) -> &RpcClient {
        &self.client
    }

    /// Publishes an event; its handlers run with [`run_until_idle`](Self::run_until_idle).
    ///
    /// # Errors
    /// See [`PublisherError`].
    pub async fn publish<T: Event>(&self, event: &T) -> Result<Uuid, PublisherError> {
        event.publish(&self.publisher).await
    }

    /// Calls, and runs the bus until the answer is there; when all wait for the clock it is advanced, at last up
    /// to the call's timeout.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<T: Request>(
        &self,
        request: &T,
        timeout: Duration,
    ) -> Result<T::Response, CallError<T::Error>> {
        let mut call = std::pin::pin!(request.call(&self.client, timeout));
        loop {
            tokio::select! {
                biased;
                result = &mut call => return result,
                () = self.run_until_idle() => {}
            }
            if let Some(result) = futures::FutureExt::now_or_never(&mut call) {
                return result;
            }
            self.clock.advance_to_next();
        }
    }

    /// Runs handlers until nothing more happens without the clock: every event that is ready is handled, and
    /// handlers that still run wait on this bus's clock. A handler that waits for something else (a database,
    /// another task) is waited for.
    pub async fn run_until_idle(&self) {
        self.driver.lock().await.until_idle().await;
    }

    /// Lets time pass, and runs whatever becomes due on the way at its own instant: retries, `eta`s, limits.
    pub async fn advance(&self, by: Duration) {
        let end = self.clock.now() + by;
        loop {
            self.run_until_idle().await;
            match self.clock.next_wake().filter(|next| *next <= end) {
                Some(next) => self.clock.set(next),
                None => break,
            }
        }
        self.clock.set(end);
    }

    /// Everything that was published on the bus, in order.
    pub fn envelopes(&self) -> Vec<Envelope> {
        self.recorder.published().clone()
    }

    /// The events of this type that were published on the bus, by tests and handlers, in order.
    ///
    /// # Panics
    /// When one of them cannot be read as this type.
    pub fn published<T: Event>(&self) -> Vec<T> {
        self.recorder
            .published()
            .iter()
            .filter(|envelope| {
                envelope.topic == T::TOPIC && envelope.version.as_deref() == Some(T::VERSION)
            })
            .map(
                |envelope| match serde_json::from_value(envelope.payload.clone()) {
                    Ok(event) => event,
                    Err(error) => panic!("a published `{}` is no {}: {error}", T::TOPIC, T::NAME),
                },
            )
            .collect()
    }

    /// Asserts that this event was published.
    ///
    /// # Panics
    /// When it was not; shows the events of its type that were.
    #[track_caller]
    pub fn assert_published<T: Event + PartialEq + std::fmt::Debug>(&self, event: &T) {
        let published = self.published::<T>();
        assert!(
            published.contains(event),
            "{event:?} was not published, but {published:?}"
        );
    }

    /// Asserts that no event of this type was published.
    ///
    /// # Panics
    /// When one was.
    #[track_caller]
    pub fn assert_not_published<T: Event + std::fmt::Debug>(&self) {
        let published = self.published::<T>();
        assert!(published.is_empty(), "published: {published:?}");
    }

    /// What handlers gave up, oldest first.
    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let (all, mut dead) = (DeadSelection::All, Vec::new());
        for queue in self.recorder.broker.queues() {
            // It is there: queues of the bus in memory are never deleted.
            let letters = self.recorder.broker.list(&queue, &all, usize::MAX).await;
            dead.extend(letters.unwrap_or_default());
        }
        dead.sort_by_key(|letter| letter.died_at);
        dead
    }

    /// Puts all dead letters back into their queues; returns how many.
    pub async fn replay_dead_letters(&self) -> usize {
        let mut count = 0;
        for queue in self.recorder.broker.queues() {
            let replayed = self.recorder.broker.replay(&queue, &DeadSelection::All);
            count += replayed.await.unwrap_or_default();
        }
        count
    }

    /// What is ready, waits, runs and is dead on the bus, in all of its queues.
    pub fn stats(&self) -> QueueStats {
        let mut all = QueueStats::default();
        for queue in self.recorder.broker.queues() {
            let one = self.recorder.broker.stats(&queue).unwrap_or_default();
            all.ready += one.ready;
            all.delayed += one.delayed;
            all.unsettled += one.unsettled;
            all.dead += one.dead;
        }
        all
    }
}

impl TestBusBuilder {
    /// These handlers, instead of every one that is linked.
    pub fn handlers(mut self, handlers: impl IntoIterator<Item = HandlerDef>) -> Self {
        self.handlers = Some(handlers.into_iter().collect());
        self
    }

    /// A value that handlers may ask for by its type.
    pub fn state<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.worker(|worker| worker.state(value))
    }

    /// A clock that is shared with other parts of the test.
    pub fn clock(mut self, clock: TestClock) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of jitter than the fixed seed.
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.jitter = jitter;
        self
    }

    /// Makes a publish that no handler here subscribes to an error, as on a broker without other services.
    pub fn strict_routing(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Any other setting of the bus's worker. Without it 8 events are handled at a time, whatever the machine.
    pub fn worker(
        mut self,
        setting: impl FnOnce(WorkerBuilder) -> WorkerBuilder + Send + 'static,
    ) -> Self {
        self.settings.push(Box::new(setting));
        self
    }

    /// The bus.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn build(self) -> Result<TestBus, WorkerError> {
        let clock: SharedClock = Arc::new(self.clock.clone());
        let broker = MemoryBroker::new(Arc::clone(&clock));
        let recorder = Arc::new(Recorder::new(broker, self.strict));
        let results = Arc::new(MemoryResults::new(Arc::clone(&clock)));
        let publisher = Publisher::to_broker(Arc::clone(&recorder) as SharedBroker)
            .with_clock(Arc::clone(&clock));
        let client = RpcClient::new(publisher.clone(), Arc::clone(&results) as _);

        let busy = Arc::new(Busy::default());
        let linked = || inventory::iter::<SubscriberEntry>().map(|entry| (entry.make)());
        let handlers = self.handlers.unwrap_or_else(|| linked().collect());
        let mut worker = Worker::builder(Arc::clone(&recorder) as SharedBroker, QUEUE)
            .concurrency(8)
            .jitter(self.jitter)
            .results(results)
            .state(publisher.clone())
            .state(client.clone());
        for setting in self.settings {
            worker = setting(worker);
        }
        let worker = worker
            .clock(clock)
            .queue(QUEUE)
            .handlers(handlers.into_iter().map(|def| watched(def, &busy)))
            .build()?;
        worker.declare().await?;
        let run = async move {
            let ended = worker
                .run_on(Placement::Inline, std::future::pending())
                .await;
            if let Err(error) = ended {
                tracing::error!(%error, "the test bus's worker ended");
            }
        };
        Ok(TestBus {
            clock: self.clock,
            recorder,
            publisher,
            client,
            driver: Mutex::new(Driver::new(Box::pin(run), busy)),
        })
    }
}

fn watched(def: HandlerDef, busy: &Arc<Busy>) -> HandlerDef {
    HandlerDef {
        handler: Arc::new(Watched {
            handler: def.handler,
            busy: Arc::clone(busy),
        }),
        ..def
    }
}
