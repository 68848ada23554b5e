//! From an envelope to a message.

use celerysalt::event::Envelope;
use chrono::{DateTime, SecondsFormat, Utc};
use lapin::BasicProperties;
use lapin::types::ShortString;
use serde::Serialize;

use super::error::{EncodeError, kind};
use super::headers::{self, Headers};
use super::meta::{META, TchuMeta};
use super::{Dialect, body};

/// A message, ready to be published under its topic as routing key.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its properties, headers among them. `message_id` is the event's id: what a returned message is known by.
    pub properties: BasicProperties,
    /// Its body.
    pub body: Vec<u8>,
}

/// Writes an event as a protocol 2 task for the dispatcher; `origin` names the writer (`celerysalt@service`).
///
/// ```
/// use celerysalt::event::{Envelope, Meta};
/// use celerysalt_amqp::wire::{Dialect, encode};
///
/// let event = Envelope { id: uuid::Uuid::nil(), topic: "order.paid".into(), version: Some("v1".into()),
///     payload: serde_json::json!({"amount": "99.90"}), meta: Meta::default() };
/// let message = encode(&event, Dialect::CelerySalt, "celerysalt@shop").unwrap();
/// let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
/// assert_eq!(body[0][0], r#"{"amount":"99.90","_tchu_meta":{"is_rpc":false,"version":"v1"}}"#);
/// assert_eq!(body[1]["routing_key"], "order.paid");
/// ```
///
/// # Errors
/// See [`EncodeError`]: the event can never be sent as it is.
pub fn encode(
    envelope: &Envelope,
    dialect: Dialect,
    origin: &str,
) -> Result<Outgoing, EncodeError> {
    let topic = &envelope.topic;
    if topic.len() > MOST_BYTES {
        let cut = topic.chars().take(40).collect();
        return Err(EncodeError::TopicTooLong {
            topic: cut,
            length: topic.len(),
        });
    }
    let json = |error: serde_json::Error| EncodeError::Json {
        topic: topic.clone(),
        category: error.classify(),
    };
    let body = body::write(&event(envelope)?, topic).map_err(json)?;
    Ok(Outgoing {
        properties: properties(envelope, dialect, origin),
        body,
    })
}

/// The longest short string of AMQP.
const MOST_BYTES: usize = 255;

/// The event's fields and metadata as text.
fn event(envelope: &Envelope) -> Result<String, EncodeError> {
    let topic = || envelope.topic.clone();
    let Some(fields) = envelope.payload.as_object() else {
        return Err(EncodeError::NotAnObject {
            topic: topic(),
            found: kind(&envelope.payload),
        });
    };
    if fields.contains_key(META) {
        return Err(EncodeError::ReservedField { topic: topic() });
    }
    let event = Event {
        fields,
        meta: TchuMeta::of(envelope),
    };
    serde_json::to_string(&event).map_err(|error| EncodeError::Json {
        topic: topic(),
        category: error.classify(),
    })
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(flatten)]
    fields: &'a serde_json::Map<String, serde_json::Value>,
    #[serde(rename = "_tchu_meta")]
    meta: TchuMeta,
}

fn properties(envelope: &Envelope, dialect: Dialect, origin: &str) -> BasicProperties {
    let short = |text: &str| ShortString::try_new(text).ok();
    let id = envelope.id.to_string();
    let known_by = envelope
        .meta
        .reply_id
        .clone()
        .unwrap_or_else(|| envelope.task_id().into_owned());
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(PERSISTENT)
        .with_priority(envelope.meta.priority.unwrap_or_default())
        .with_correlation_id(short(&known_by).unwrap_or_else(|| id.as_str().into()))
        .with_message_id(id.into())
        .with_headers(task(envelope, dialect, origin).into_table());
    // A name of this transport's that is too long for AMQP cannot have come from it.
    match envelope.meta.reply_to.as_deref().and_then(short) {
        Some(name) => properties.with_reply_to(name),
        None => properties,
    }
}

const PERSISTENT: u8 = 2;

/// Every header that Celery itself writes. What it would show of the arguments is left to the body: they may be secret.
fn task(envelope: &Envelope, dialect: Dialect, origin: &str) -> Headers {
    let id = envelope.task_id();
    let mut headers = Headers::default();
    headers
        .text("lang", "rs")
        .text("task", dialect.task())
        .text("id", &id)
        .text("root_id", &id)
        .maybe(headers::ETA, envelope.meta.eta.map(instant))
        .maybe(headers::EXPIRES, envelope.meta.expires.map(instant))
        .number("retries", 0)
        .no_limits("timelimit")
        .text("argsrepr", "('...',)")
        .text("kwargsrepr", "{'routing_key': '...'}")
        .text("origin", origin)
        .number("replaced_task_nesting", 0)
        .voids(&[
            "shadow",
            "group",
            "group_index",
            "parent_id",
            "ignore_result",
            "stamped_headers",
        ])
        .empty_table("stamps");
    headers
}

/// As Python's `datetime.isoformat` writes it in UTC.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}
