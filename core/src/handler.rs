//! Handlers: what `#[subscribe]` makes of a function.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::SharedClock;
use crate::error_text::chain_text;
use crate::event::{DeclaredError, Envelope};

/// Handles events. Implemented by `#[subscribe]`'s expansion; may be implemented by hand.
///
/// Contract: called concurrently; may be called again for the same event (at least once delivery), so it
/// should be idempotent or use the inbox. Dropping the future (time limit, shutdown) must be harmless.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Handles one event; the value is the RPC response (null for a broadcast).
    ///
    /// # Errors
    /// See [`HandlerError`]: each variant says what becomes of the event.
    async fn call(&self, cx: Context) -> Result<serde_json::Value, HandlerError>;

    /// The state that it asks for and that is not among these values, by the types' names: a worker that starts tells of it,
    /// for each of the handler's events would become a dead letter.
    fn missing_state(&self, state: &StateMap) -> Vec<&'static str> {
        let _ = state;
        Vec::new()
    }
}

/// A handler with its subscription.
#[derive(Clone)]
pub struct HandlerDef {
    /// Its name, unique in a service: module path and function name unless told.
    pub name: String,
    /// The topic pattern it subscribes to.
    pub pattern: String,
    /// Which versions it takes.
    pub version: VersionSpec,
    /// Celery's options.
    pub options: HandlerOptions,
    /// What runs.
    pub handler: Arc<dyn Handler>,
}

/// Which versions of an event a handler takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum VersionSpec {
    /// All, also messages without a version.
    #[default]
    Latest,
    /// This version number and newer (`v1` is 1); not messages without a version.
    AtLeast(u32),
}

/// How a handler is run; names and defaults are Celery's, but for `acks_late` and `reject_on_worker_lost` (both true here).
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerOptions {
    /// Retries before the event is dead-lettered; `None` is without end. Default 3.
    pub max_retries: Option<u32>,
    /// The delay of a retry without backoff. Default 180 s.
    pub default_retry_delay: Duration,
    /// The factor of exponential backoff: `factor * 2^retries` seconds; `None` is off. Celery's `True` is 1.
    pub retry_backoff: Option<u32>,
    /// The longest backoff. Default 600 s.
    pub retry_backoff_max: Duration,
    /// Full jitter on backoff. Default true.
    pub retry_jitter: bool,
    /// After this time the handler is stopped and has failed.
    pub time_limit: Option<Duration>,
    /// After this time the handler is told (see `Context::soft_limit`) to come to an end.
    pub soft_time_limit: Option<Duration>,
    /// At most so many starts a time: `"100/m"`, `"10/s"`, `"5/h"`, or a bare number a second.
    pub rate_limit: Option<RateLimit>,
    /// Which waiting event goes first, when its message has no priority of its own.
    pub priority: Option<u8>,
    /// Acknowledge after the handler (true, the default here) or before it.
    pub acks_late: bool,
    /// Deliver again when the worker dies in the handler (true, the default here); else dead-letter.
    pub reject_on_worker_lost: bool,
    /// The queue that it takes its events from; `None` is the service's own. Delivery in the process has no queues and
    /// does not ask.
    pub queue: Option<String>,
}

impl Default for HandlerOptions {
    fn default() -> Self {
        Self {
            max_retries: Some(3),
            default_retry_delay: Duration::from_secs(180),
            retry_backoff: None,
            retry_backoff_max: Duration::from_secs(600),
            retry_jitter: true,
            time_limit: None,
            soft_time_limit: None,
            rate_limit: None,
            priority: None,
            acks_late: true,
            reject_on_worker_lost: true,
            queue: None,
        }
    }
}

/// A number of starts in a length of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// How many.
    pub count: f64,
    /// In how long.
    pub per: Duration,
}

/// What a handler is called with; extractors read from it.
#[derive(Clone)]
pub struct Context {
    /// The event.
    pub envelope: Arc<Envelope>,
    /// The running handler's name.
    pub handler: Arc<str>,
    /// How often this handler has failed on this event before.
    pub retries: u32,
    /// Values that the application shares with its handlers, by type.
    pub state: Arc<StateMap>,
    /// The worker's clock.
    pub clock: SharedClock,
    /// Turns true when the soft time limit is reached.
    pub soft_limit: tokio::sync::watch::Receiver<bool>,
}

/// Values by type.
#[derive(Default)]
pub struct StateMap(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl StateMap {
    /// Keeps a value, replacing another of the same type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }

    /// Whether there is a value of this type.
    pub fn has<T: 'static>(&self) -> bool {
        self.0.contains_key(&TypeId::of::<T>())
    }

    /// A clone of the value of this type.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0
            .get(&TypeId::of::<T>())
            .and_then(|v| v.downcast_ref::<T>())
            .cloned()
    }
}

/// Why a handler did not succeed, and what becomes of the event.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The handler returned an error. Retried when `retryable` (its type is in `autoretry_for` and not in
    /// `dont_autoretry_for`), else dead-lettered.
    #[error("{error}")]
    Failed {
        /// The error and its sources.
        error: String,
        /// Whether `autoretry_for` covers it.
        retryable: bool,
    },
    /// The handler asks for a retry, counted against `max_retries`.
    #[error("retry asked for: {error}")]
    Retry {
        /// Why.
        error: String,
        /// After this time; `None` means by the options' delay.
        after: Option<Duration>,
    },
    /// The handler refuses the event: dead-lettered at once.
    #[error("rejected: {error}")]
    Reject {
        /// Why.
        error: String,
    },
    /// The event's data does not fit the handler's type: dead-lettered at once.
    #[error("the event does not fit the handler: {error}")]
    Invalid {
        /// What does not fit.
        error: String,
        /// Where in the data: a JSON pointer, empty for the whole. The caller of an RPC is told.
        pointer: String,
    },
    /// An RPC handler's declared error: answered to the caller, the event is done.
    #[error("declared error: {0}")]
    Declared(serde_json::Value),
}

impl HandlerError {
    /// The handler failed; not retried. For functions that return `HandlerError` themselves.
    pub fn failed(error: impl Into<BoxError>) -> Self {
        Self::Failed {
            error: text_of(error),
            retryable: false,
        }
    }

    /// Asks for a retry after the options' delay.
    pub fn retry(error: impl Into<BoxError>) -> Self {
        Self::Retry {
            error: text_of(error),
            after: None,
        }
    }

    /// Asks for a retry after this time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use celerysalt::handler::HandlerError;
    ///
    /// fn charge(status: u16) -> Result<(), HandlerError> {
    ///     match status {
    ///         429 => Err(HandlerError::retry_after(Duration::from_secs(30), "too many requests")),
    ///         402 => Err(HandlerError::reject("the card was refused")),
    ///         _ => Ok(()),
    ///     }
    /// }
    /// assert!(matches!(charge(429), Err(HandlerError::Retry { after: Some(_), .. })));
    /// ```
    pub fn retry_after(after: Duration, error: impl Into<BoxError>) -> Self {
        Self::Retry {
            error: text_of(error),
            after: Some(after),
        }
    }

    /// Refuses the event: it becomes a dead letter at once.
    pub fn reject(error: impl Into<BoxError>) -> Self {
        Self::Reject {
            error: text_of(error),
        }
    }

    /// Answers the caller of an RPC with a declared error.
    pub fn declared<E: DeclaredError>(error: &E) -> Self {
        match serde_json::to_value(error) {
            Ok(value) => Self::Declared(value),
            Err(unserialisable) => Self::failed(unserialisable),
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn text_of(error: impl Into<BoxError>) -> String {
    chain_text(&*error.into())
}
