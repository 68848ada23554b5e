//! Bodies: where the event stands in protocol 2 and in protocol 1.

use celerysalt::json::keep_digits;
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::{DecodeError, kind};

/// What stands in a body beside the event.
pub(super) struct Body {
    /// The event's fields, `_tchu_meta` among them.
    pub(super) fields: Map<String, Value>,
    /// `kwargs.routing_key`: the topic, also where a message came back from another exchange.
    pub(super) routing_key: Option<String>,
    /// What protocol 1 says in the body and protocol 2 in the headers.
    pub(super) task: Option<Map<String, Value>>,
}

impl Body {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        match parse("the body", bytes)? {
            Value::Array(parts) => Self::protocol_2(parts),
            Value::Object(task) => Self::protocol_1(task),
            other => Err(DecodeError::Shape {
                place: "the body",
                found: kind(&other),
                expected: "an array (protocol 2) or an object (protocol 1)",
            }),
        }
    }

    fn protocol_2(parts: Vec<Value>) -> Result<Self, DecodeError> {
        let mut parts = parts.into_iter();
        let args = parts.next().unwrap_or_default();
        let kwargs = parts.next().unwrap_or_default();
        Ok(Self {
            fields: event(args, &kwargs)?,
            routing_key: routing_key(&kwargs),
            task: None,
        })
    }

    fn protocol_1(mut task: Map<String, Value>) -> Result<Self, DecodeError> {
        let args = task.remove("args").unwrap_or_default();
        let kwargs = task.remove("kwargs").unwrap_or_default();
        Ok(Self {
            fields: event(args, &kwargs)?,
            routing_key: routing_key(&kwargs),
            task: Some(task),
        })
    }
}

/// `args[0]`, or `kwargs.message_body`: the event as JSON text, or (from hand-written publishers) as an object.
fn event(args: Value, kwargs: &Value) -> Result<Map<String, Value>, DecodeError> {
    let first = match args {
        Value::Array(args) => args.into_iter().next(),
        Value::Null => None,
        other => {
            return Err(DecodeError::Shape {
                place: "`args`",
                found: kind(&other),
                expected: "an array",
            });
        }
    };
    let event = first
        .or_else(|| kwargs.get("message_body").cloned())
        .unwrap_or_default();
    let event = match event {
        Value::String(text) => parse("the event", text.as_bytes())?,
        other => other,
    };
    match event {
        Value::Object(fields) => Ok(fields),
        other => Err(DecodeError::Shape {
            place: "the event",
            found: kind(&other),
            expected: "a JSON object",
        }),
    }
}

/// JSON text, its wide numbers as text with all their digits: another service's integers and decimals know no bounds.
fn parse(place: &'static str, bytes: &[u8]) -> Result<Value, DecodeError> {
    let parsed = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(&keep_digits(text)),
        // It says where.
        Err(_) => serde_json::from_slice(bytes),
    };
    parsed.map_err(|error| DecodeError::json(place, &error))
}

fn routing_key(kwargs: &Value) -> Option<String> {
    kwargs.get("routing_key")?.as_str().map(str::to_owned)
}

/// A body of protocol 2.
pub(super) fn write(event: &str, topic: &str) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&([event], Kwargs { routing_key: topic }, Embed::default()))
}

#[derive(Serialize)]
struct Kwargs<'a> {
    routing_key: &'a str,
}

#[derive(Default, Serialize)]
struct Embed {
    callbacks: (),
    errbacks: (),
    chain: (),
    chord: (),
}
