//! Typed events and the envelope in which they travel.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::chain::Chain;

/// Whether an event is told to all or asks one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every matching handler receives it; nobody answers.
    Broadcast,
    /// A request; the caller waits for a response.
    Rpc,
}

/// A typed event; implemented by `#[event("topic")]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "put `#[celerysalt::event(\"some.topic\")]` on the struct"
)]
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The topic: dotted words, the routing key on a broker.
    const TOPIC: &'static str;
    /// The version of the schema, `v1` unless told.
    const VERSION: &'static str;
    /// The type's own name, by which `event_class` may also name it.
    const NAME: &'static str;
    /// Broadcast, or the request of an RPC.
    const MODE: Mode;
}

/// The request of an RPC: names the types of its answers. Implemented by
/// `#[event("topic", mode = "rpc", response = R, error = E)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the request of an RPC",
    note = "name what answers it: `#[celerysalt::event(\"some.topic\", response = TheType)]`"
)]
pub trait Request: Event {
    /// What a handler answers.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// What a handler declares as its error.
    type Error: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
}

/// An event on its way: what the outbox keeps and a broker carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The event's id: stable over every redelivery (UUIDv7).
    pub id: Uuid,
    /// The topic.
    pub topic: String,
    /// The schema's version; absent in messages of old publishers.
    pub version: Option<String>,
    /// The event's fields: a JSON object.
    pub payload: serde_json::Value,
    /// Everything else about the event.
    pub meta: Meta,
}

impl Envelope {
    /// The id under which a caller looks for the answer: Celery's task id.
    pub fn task_id(&self) -> std::borrow::Cow<'_, str> {
        match &self.meta.task_id {
            Some(id) => id.into(),
            None => self.id.to_string().into(),
        }
    }
}

/// An event's metadata: everything but its own fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// Correlation, causation and depth.
    #[serde(flatten)]
    pub chain: Chain,
    /// Whether a caller waits for the answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_rpc: bool,
    /// The row or other thing whose events stay in order, e.g. `order:0198…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// The rule that fired the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// W3C trace state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// 0 (lowest, the default) to 9 or the queue's maximum; higher goes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Not to be handled before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<DateTime<Utc>>,
    /// Not to be handled after this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
    /// The request's id as its caller wrote it, where that is not how the envelope's id is written: callers in Python may
    /// choose any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// Where an answer goes: a name that only the transport understands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// By which word the caller knows an answer over the transport, where that is not the request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_id: Option<String>,
    /// When the event was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<DateTime<Utc>>,
}

/// An error that an RPC handler declares: it is the caller's answer, never a reason to retry.
/// Implemented by `#[event_error("topic")]` and by [`RpcError`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as an RPC's error",
    note = "put `#[celerysalt::event_error(\"some.topic\")]` on the type, or use `celerysalt::event::RpcError`"
)]
pub trait DeclaredError: Serialize {}

/// The declared error of an RPC that names none of its own.
///
/// ```
/// use celerysalt::event::RpcError;
///
/// let error = RpcError::new("OVERFLOW", "the sum does not fit").with_details(serde_json::json!({"max": 255}));
/// assert_eq!(error.to_string(), "OVERFLOW: the sum does not fit");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RpcError {
    /// What went wrong, for programs: `INSUFFICIENT_FUNDS`.
    pub error_code: String,
    /// What went wrong, for people.
    pub error_message: String,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Map<String, serde_json::Value>>,
}

impl RpcError {
    /// An error of this code and message, without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            error_code: code.into(),
            error_message: message.into(),
            details: None,
        }
    }

    /// The same error with details: the members of a JSON object; any other value stands under `value`.
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(match details {
            serde_json::Value::Object(members) => members,
            other => serde_json::Map::from_iter([("value".to_owned(), other)]),
        });
        self
    }
}

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error_code, self.error_message)
    }
}

impl std::error::Error for RpcError {}

impl DeclaredError for RpcError {}
