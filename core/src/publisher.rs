//! Publishes events: typed, or as JSON by topic.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::broker::{DEFAULT_SYSTEM, PublishError, SharedBroker};
use crate::catalog::EventSchemas;
use crate::chain::{Chain, MAX_DEPTH};
use crate::clock::{self, SharedClock, SystemClock, new_id};
use crate::event::{Envelope, Event, Meta};
use crate::outbox::{OutboxError, SharedOutbox};
use crate::rpc::Mismatch;
use crate::telemetry::{TraceContext, count, spans};

/// Publishes to a broker or into an outbox. Clones share everything.
///
/// Inside a handler the events that it publishes carry on its event's chain and trace.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use celerysalt::event::{Event, Mode};
/// # use serde::{Serialize, Deserialize}; use schemars::JsonSchema;
/// # #[derive(Serialize, Deserialize, JsonSchema)] struct OrderPaid { order_id: u64 }
/// # impl Event for OrderPaid { const TOPIC: &'static str = "order.paid"; const VERSION: &'static str = "v1";
/// #     const NAME: &'static str = "OrderPaid"; const MODE: Mode = Mode::Broadcast; }
/// use std::sync::Arc;
/// use std::time::Duration;
/// use celerysalt::broker::{Broker, MemoryBroker, QueueSpec};
/// use celerysalt::publisher::{Publish, PublishOptions, Publisher};
///
/// let broker = Arc::new(MemoryBroker::default());
/// broker.declare(&QueueSpec { name: "mails".into(), bindings: vec!["order.*".into()], max_priority: 10 }).await?;
/// let publisher = Publisher::to_broker(broker);
///
/// OrderPaid { order_id: 7 }.publish(&publisher).await?;
/// let later = PublishOptions { countdown: Some(Duration::from_secs(60)), ..PublishOptions::default() };
/// OrderPaid { order_id: 8 }.publish_with(&publisher, later).await?;
/// publisher.publish_json("order.sent", None, serde_json::json!({"order_id": 7}), PublishOptions::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Publisher {
    sink: Sink,
    clock: SharedClock,
    schemas: Option<Arc<dyn EventSchemas>>,
}

#[derive(Clone)]
enum Sink {
    Broker(SharedBroker),
    Outbox(SharedOutbox),
}

/// How an event is published; names are Celery's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Not to be handled before this instant.
    pub eta: Option<DateTime<Utc>>,
    /// Not to be handled before so much time from now; `eta` goes before it.
    pub countdown: Option<Duration>,
    /// Not to be handled after this instant.
    pub expires: Option<DateTime<Utc>>,
    /// 0 (lowest) to the queue's highest, which is 10 unless told; higher goes first.
    pub priority: Option<u8>,
    /// The chain's correlation id; else the running handler's is carried on.
    pub correlation_id: Option<String>,
    /// The row or other thing whose events stay in order, e.g. `order:0198…`.
    pub aggregate: Option<String>,
}

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// The broker did not take it.
    #[error(transparent)]
    Broker(#[from] PublishError),
    /// The outbox did not take it.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The event cannot be written as JSON.
    #[error("event `{topic}` cannot be written as JSON")]
    Serialize {
        /// Its topic.
        topic: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The event does not fit its schema.
    #[error("event `{topic}` does not fit its schema {mismatch}")]
    Invalid {
        /// Its topic.
        topic: String,
        /// Where, and why.
        mismatch: Mismatch,
    },
    /// Events that cause each other have become too many: a loop of handlers or rules.
    #[error(
        "event `{topic}` is number {depth} in a chain of events that cause each other, the limit is {MAX_DEPTH}; \
         look for handlers or rules that feed each other"
    )]
    ChainTooDeep {
        /// Its topic.
        topic: String,
        /// How deep it would stand.
        depth: u32,
    },
}

impl Publisher {
    /// Publishes to a broker: done when the broker has taken the event.
    pub fn to_broker(broker: SharedBroker) -> Self {
        Self::new(Sink::Broker(broker))
    }

    /// Publishes into an outbox: done when the event is stored; a relay delivers it.
    pub fn to_outbox(outbox: SharedOutbox) -> Self {
        Self::new(Sink::Outbox(outbox))
    }

    fn new(sink: Sink) -> Self {
        Self {
            sink,
            clock: Arc::new(SystemClock),
            schemas: None,
        }
    }

    /// By another clock than the system's.
    pub fn with_clock(mut self, clock: SharedClock) -> Self {
        self.clock = clock;
        self
    }

    /// With a check of every event against the schema of its topic; topics that are not known pass.
    pub fn with_schemas(mut self, schemas: Arc<dyn EventSchemas>) -> Self {
        self.schemas = Some(schemas);
        self
    }

    /// The clock it goes by.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Publishes JSON under a topic; returns the event's id.
    ///
    /// # Errors
    /// See [`PublisherError`].
    pub async fn publish_json(
        &self,
        topic: &str,
        version: Option<&str>,
        payload: Value,
        options: PublishOptions,
    ) -> Result<Uuid, PublisherError> {
        self.wrap_and_send(topic, || self.wrap(topic, version, payload, &options))
            .await
    }

    /// Makes the envelope inside the span of its publishing, so that it carries that.
    async fn wrap_and_send(
        &self,
        topic: &str,
        wrap: impl FnOnce() -> Result<Envelope, PublisherError> + Send,
    ) -> Result<Uuid, PublisherError> {
        let span = self.span(topic);
        let envelope = span.in_scope(wrap)?;
        self.transmit(&envelope, span).await?;
        Ok(envelope.id)
    }

    fn span(&self, topic: &str) -> Span {
        let system = match &self.sink {
            Sink::Broker(broker) => broker.system(),
            Sink::Outbox(_) => DEFAULT_SYSTEM,
        };
        spans::publish(system, topic)
    }

    /// The envelope in which an event would be published now.
    ///
    /// # Errors
    /// As publishing, but for the broker's and the outbox's.
    pub fn envelope<T: Event>(
        &self,
        event: &T,
        options: &PublishOptions,
    ) -> Result<Envelope, PublisherError> {
        let payload = serde_json::to_value(event).map_err(|source| PublisherError::Serialize {
            topic: T::TOPIC.to_owned(),
            source,
        })?;
        self.wrap(T::TOPIC, Some(T::VERSION), payload, options)
    }

    /// Publishes an envelope as it is; publishing it again with the same id is harmless for inbox and outbox.
    ///
    /// # Errors
    /// [`PublisherError::Broker`], [`PublisherError::Outbox`].
    pub async fn send(&self, envelope: &Envelope) -> Result<(), PublisherError> {
        self.transmit(envelope, self.span(&envelope.topic)).await
    }

    /// Sends, inside the span of a publishing.
    async fn transmit(&self, envelope: &Envelope, span: Span) -> Result<(), PublisherError> {
        spans::describe(&span, envelope);
        let result = self.pass_on(envelope).instrument(span.clone()).await;
        span.in_scope(|| report(envelope, &result, &span));
        result
    }

    async fn pass_on(&self, envelope: &Envelope) -> Result<(), PublisherError> {
        match &self.sink {
            Sink::Broker(broker) => {
                let results = broker.publish(std::slice::from_ref(envelope)).await;
                let missing = || {
                    Err(PublishError::Refused {
                        reason: "it reported no result".to_owned(),
                        after: None,
                    })
                };
                let first = results.into_iter().next().unwrap_or_else(missing);
                first.map_err(PublisherError::from)
            }
            Sink::Outbox(outbox) => outbox
                .append(std::slice::from_ref(envelope), self.clock.now())
                .await
                .map_err(PublisherError::from),
        }
    }

    pub(crate) fn wrap(
        &self,
        topic: &str,
        version: Option<&str>,
        payload: Value,
        options: &PublishOptions,
    ) -> Result<Envelope, PublisherError> {
        self.check(topic, version, &payload)?;
        let now = self.clock.now();
        let chain = chain(topic, options)?;
        let countdown = options.countdown.map(|wait| clock::later(now, wait));
        let mut meta = Meta {
            chain,
            aggregate: options.aggregate.clone(),
            priority: options.priority,
            eta: options.eta.or(countdown),
            expires: options.expires,
            created_at: Some(now),
            ..Meta::default()
        };
        TraceContext::write_to(TraceContext::current(), &mut meta);
        Ok(Envelope {
            id: new_id(&*self.clock),
            topic: topic.to_owned(),
            version: version.map(str::to_owned),
            payload,
            meta,
        })
    }

    fn check(
        &self,
        topic: &str,
        version: Option<&str>,
        payload: &Value,
    ) -> Result<(), PublisherError> {
        let known = self.schemas.as_ref().and_then(|s| s.resolve(topic));
        // The newest version is what a catalog resolves to; another one is not judged by it.
        let Some(schema) = known
            .filter(|info| version.is_none() || info.version.as_deref() == version)
            .and_then(|info| info.schema)
        else {
            return Ok(());
        };
        schema
            .validator
            .validate(payload)
            .map_err(|error| PublisherError::Invalid {
                topic: topic.to_owned(),
                mismatch: Mismatch::of(&error),
            })
    }
}

/// `publish` for every event type.
pub trait Publish: Event {
    /// Publishes the event; returns its id.
    ///
    /// # Errors
    /// See [`PublisherError`].
    fn publish(
        &self,
        publisher: &Publisher,
    ) -> impl Future<Output = Result<Uuid, PublisherError>> + Send {
        self.publish_with(publisher, PublishOptions::default())
    }

    /// Publishes the event with options; returns its id.
    ///
    /// # Errors
    /// See [`PublisherError`].
    fn publish_with(
        &self,
        publisher: &Publisher,
        options: PublishOptions,
    ) -> impl Future<Output = Result<Uuid, PublisherError>> + Send {
        async move {
            publisher
                .wrap_and_send(Self::TOPIC, || publisher.envelope(self, &options))
                .await
        }
    }
}

impl<T: Event> Publish for T {}

fn chain(topic: &str, options: &PublishOptions) -> Result<Chain, PublisherError> {
    let mut chain = Chain::current();
    if chain.depth > MAX_DEPTH {
        return Err(PublisherError::ChainTooDeep {
            topic: topic.to_owned(),
            depth: chain.depth,
        });
    }
    if options.correlation_id.is_some() {
        chain.correlation_id.clone_from(&options.correlation_id);
    }
    Ok(chain)
}

fn report(envelope: &Envelope, result: &Result<(), PublisherError>, span: &Span) {
    let outcome = match result {
        Ok(()) => {
            tracing::debug!(topic = %envelope.topic, event_id = %envelope.id, "published");
            "ok"
        }
        Err(error) => {
            tracing::warn!(topic = %envelope.topic, event_id = %envelope.id, %error, "not published");
            spans::fail(span);
            "error"
        }
    };
    count::published(&envelope.topic, outcome);
}
