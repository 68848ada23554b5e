//! The broker port: what carries envelopes between processes, or inside one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::event::Envelope;

pub mod conformance;
mod dead;
mod memory;

pub use dead::{DeadLetter, DeadLetters, DeadReason, DeadSelection};
pub use memory::{MemoryBroker, QueueStats};

/// Carries envelopes from publishers to the queues of services.
///
/// Contract:
/// - `publish` returns `Ok` for an envelope only after the broker has taken responsibility for it; an
///   envelope whose result is an error may or may not have arrived (publish again with the same id).
/// - Results stand in the order of the batch; one failed envelope fails no other.
/// - Any task may call any method at any time.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Publishes a batch, pipelined where the transport can.
    async fn publish(&self, batch: &[Envelope]) -> Vec<Result<(), PublishError>>;

    /// Declares a service's queue and its bindings (AMQP patterns: `*` one word, `#` any number).
    /// Idempotent; bindings add to those that are there; another argument than the existing queue's is an
    /// error that names it.
    async fn declare(&self, queue: &QueueSpec) -> Result<(), BrokerError>;

    /// Takes bindings away from a declared queue, by their patterns; what came by them stays in the queue. Idempotent:
    /// a pattern that is not bound is no error.
    async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError>;

    /// Starts to take from a declared queue; at most `prefetch` unsettled deliveries at a time (0: no bound).
    /// The order is priority first, then first in first out. A message is not delivered before its `eta`;
    /// one that waits takes no place among the `prefetch`. One that has expired is delivered all the same: what
    /// becomes of it is the worker's to say.
    async fn consume(&self, queue: &str, prefetch: usize)
    -> Result<Box<dyn Consumer>, BrokerError>;

    /// How often a worker declares its queue anew while it consumes, for what somebody else has deleted meanwhile
    /// (bindings, say); `None` where nobody can.
    fn declare_every(&self) -> Option<Duration> {
        None
    }

    /// What OpenTelemetry calls the messaging system, e.g. `rabbitmq`; for spans.
    fn system(&self) -> &'static str {
        DEFAULT_SYSTEM
    }
}

/// The messaging system's name where no broker is, or one inside of the process.
pub(crate) const DEFAULT_SYSTEM: &str = "celerysalt";

/// A broker that many own.
pub type SharedBroker = Arc<dyn Broker>;

/// A service's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// The queue's name.
    pub name: String,
    /// Topic patterns bound to it.
    pub bindings: Vec<String>,
    /// The highest priority (Celery mesh: 10).
    pub max_priority: u8,
}

/// A stream of deliveries. Dropping it returns what is not settled to the queue.
#[async_trait]
pub trait Consumer: Send {
    /// The next delivery; `None` when the consumer was cancelled or the broker closed. Cancel-safe.
    async fn next(&mut self) -> Option<Delivery>;

    /// Takes nothing more: what was sent here and not yet handed out by `next` goes back to the queue, not counted as
    /// redelivered, and what goes back to the queue later does not come here again. Deliveries that are held can
    /// still be settled until the consumer is dropped. `next` is not called after it.
    ///
    /// Nothing is to be done for a broker that sends nothing before `next` asks for it.
    async fn stop(&mut self) {}
}

/// One message, held for one worker until it is settled.
pub struct Delivery {
    /// The event.
    pub envelope: Arc<Envelope>,
    /// Set on a retry: only this handler is to run.
    pub target: Option<String>,
    /// How often the target has been tried before; 0 at first.
    pub retries: u32,
    /// On a retry: the error that it was scheduled with.
    pub error: Option<String>,
    /// How often this message was taken and not settled before (a crashed worker; a lost connection, where the broker
    /// cannot tell it from that).
    pub redelivered: u32,
    /// Settles the message. Dropping it unsettled returns the message to the queue, counted as redelivered.
    pub settle: Box<dyn Settle>,
}

/// Ends a delivery.
///
/// Contract: `ack` and `requeue` end the hold, the first of them counts. `retry` and `dead_letter` may come
/// any number of times, before `ack` or after it (a handler that acknowledges early may still fail), and are
/// durable when they return; they do not end the hold. A call on a delivery that the broker has taken back
/// (its consumer is gone) is [`BrokerError::Unreachable`] and changes nothing.
#[async_trait]
pub trait Settle: Send + Sync {
    /// Schedules one handler again at an instant; waits in the broker, which keeps the error with it (or what it has
    /// room for).
    async fn retry(
        &self,
        handler: &str,
        retries: u32,
        at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), BrokerError>;
    /// Moves the message (for one handler, or whole) to the service's dead letters.
    async fn dead_letter(&self, dead: DeadReason) -> Result<(), BrokerError>;
    /// Done: the broker forgets the message.
    async fn ack(&self) -> Result<(), BrokerError>;
    /// Not done: back to the queue as it was, at once or at an instant; not counted as redelivered (a graceful
    /// shutdown, an early `eta`, a rate limit).
    async fn requeue(&self, at: Option<DateTime<Utc>>) -> Result<(), BrokerError>;
}

/// Why a publish failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No queue is bound for the topic.
    #[error("no queue is bound for topic `{topic}`; start a subscriber, or bind a queue")]
    Unroutable {
        /// The topic.
        topic: String,
    },
    /// The broker refused it or was not there; the same envelope may be published again.
    #[error("the broker did not take the event: {reason}")]
    Refused {
        /// The cause, without secrets.
        reason: String,
        /// Wait at least so long, when the broker said so.
        after: Option<Duration>,
    },
    /// It can never be published as it is: trying again helps nothing.
    #[error("the event can never be published as it is: {reason}")]
    Invalid {
        /// What is wrong with it, and how to mend it.
        reason: String,
    },
}

/// Why a broker operation failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The queue exists with other arguments, or does not exist.
    #[error("queue `{queue}`: {reason}")]
    Queue {
        /// The queue.
        queue: String,
        /// What differs or is missing.
        reason: String,
    },
    /// The connection is gone; unsettled deliveries come back.
    #[error("the broker is not reachable: {reason}")]
    Unreachable {
        /// The cause, without secrets.
        reason: String,
    },
}
