//! From a message to an envelope.

use celerysalt::event::{Envelope, Meta};
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Dialect;
use super::body::Body;
use super::error::DecodeError;
use super::headers;
use super::meta::TchuMeta;

/// A message as it came.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The routing key under which it was published.
    pub routing_key: &'a str,
    /// Its properties, headers among them.
    pub properties: &'a BasicProperties,
    /// Its body.
    pub body: &'a [u8],
    /// When it came: what an `expires` in seconds counts from.
    pub now: DateTime<Utc>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The event.
    pub envelope: Envelope,
    /// On a retry the handler that it is for.
    pub target: Option<String>,
    /// How often that handler has been tried.
    pub retries: u32,
    /// On a retry the error that it was scheduled with.
    pub error: Option<String>,
}

/// Reads a message of either protocol, either dispatcher, with or without `_tchu_meta`.
///
/// The event's id is the task's. One that is no UUID (Celery lets callers choose) becomes a UUIDv5 of it, the same at
/// every redelivery; the caller's own stays in the metadata, for the answer.
///
/// # Errors
/// See [`DecodeError`]: the message is no event, now and ever.
pub fn decode(message: &Incoming<'_>) -> Result<Decoded, DecodeError> {
    let properties = message.properties;
    content(properties)?;
    let headers = properties.headers().as_ref();
    let task = headers::text(headers, "task");
    if let Some(task) = &task {
        dispatcher(task)?;
    }
    let mut body = Body::read(message.body)?;
    let says = Says {
        headers,
        body: body.task.as_ref(),
    };
    if task.is_none() {
        dispatcher(&says.text("task").ok_or(DecodeError::NoTask)?)?;
    }
    let correlated = properties
        .correlation_id()
        .as_ref()
        .map(ToString::to_string);
    let task_id = says.text("id").or_else(|| correlated.clone());
    let task_id = task_id.ok_or(DecodeError::NoId)?;
    let id = event_id(&task_id);
    let (eta, expires) = (
        says.instant(headers::ETA, message.now)?,
        says.instant(headers::EXPIRES, message.now)?,
    );
    let tchu = TchuMeta::take(&mut body.fields)?;
    let meta = Meta {
        chain: tchu.chain,
        is_rpc: tchu.is_rpc,
        aggregate: tchu.aggregate,
        rule_id: tchu.rule_id,
        traceparent: tchu.traceparent,
        tracestate: tchu.tracestate,
        priority: properties.priority().filter(|priority| *priority > 0),
        eta,
        expires,
        reply_id: correlated.filter(|word| *word != task_id),
        task_id: Some(task_id).filter(|given| *given != id.to_string()),
        reply_to: properties.reply_to().as_ref().map(ToString::to_string),
        created_at: tchu.created_at,
    };
    Ok(Decoded {
        envelope: Envelope {
            id,
            topic: topic(headers, body.routing_key, message.routing_key),
            version: tchu.version,
            payload: Value::Object(body.fields),
            meta,
        },
        target: headers::text(headers, headers::TARGET).map(Into::into),
        retries: headers::count(headers, headers::RETRIES).unwrap_or_default(),
        error: headers::text(headers, headers::ERROR).map(Into::into),
    })
}

fn content(properties: &BasicProperties) -> Result<(), DecodeError> {
    let is = |found: Option<&str>, known: &[&str]| match found {
        Some(found) if !known.iter().any(|known| found.eq_ignore_ascii_case(known)) => {
            Err(DecodeError::Content { found: cut(found) })
        }
        _ => Ok(()),
    };
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    is(
        text(properties.content_type()).as_deref(),
        &["application/json", "text/json"],
    )?;
    is(
        text(properties.content_encoding()).as_deref(),
        &["utf-8", "utf8", "us-ascii", "ascii"],
    )
}

fn dispatcher(task: &str) -> Result<(), DecodeError> {
    match Dialect::is_dispatcher(task) {
        true => Ok(()),
        false => Err(DecodeError::ForeignTask { task: cut(task) }),
    }
}

/// Foreign text in an error stays readable.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// The topic of a message that came back from somewhere stands in a header, for then the routing key is another.
fn topic(headers: Option<&FieldTable>, in_body: Option<String>, routing_key: &str) -> String {
    let noted = headers::text(headers, headers::TOPIC).map(Into::into);
    in_body.or(noted).unwrap_or_else(|| routing_key.to_owned())
}

fn event_id(id: &str) -> Uuid {
    Uuid::parse_str(id).unwrap_or_else(|_| Uuid::new_v5(&FOREIGN_IDS, id.as_bytes()))
}

/// The namespace of ids that are no UUIDs.
const FOREIGN_IDS: Uuid = Uuid::from_u128(0x8b1d_26f0_54aa_4f0c_8f3e_7a52_9d0c_41e6);

/// Where protocol 2 (headers) or protocol 1 (body) says something of the task.
struct Says<'a> {
    headers: Option<&'a FieldTable>,
    body: Option<&'a Map<String, Value>>,
}

impl Says<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let header = headers::text(self.headers, name).map(Into::into);
        header.or_else(|| self.body?.get(name)?.as_str().map(str::to_owned))
    }

    fn instant(
        &self,
        name: &'static str,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, DecodeError> {
        let error = DecodeError::Instant { header: name };
        if let Some(text) = self.text(name) {
            return instant(&text).map(Some).ok_or(error);
        }
        match self.seconds(name) {
            Seconds::Absent => Ok(None),
            Seconds::Of(seconds) if name == headers::EXPIRES => {
                after(now, seconds).map(Some).ok_or(error)
            }
            Seconds::Of(_) | Seconds::Other => Err(error),
        }
    }

    fn seconds(&self, name: &str) -> Seconds {
        if let Some(value) = headers::value(self.headers, name) {
            let whole = headers::number(self.headers, name).map(|n| n as f64);
            let seconds = match *value {
                AMQPValue::Double(seconds) => Some(seconds),
                AMQPValue::Float(seconds) => Some(seconds.into()),
                _ => whole,
            };
            return seconds.map_or(Seconds::Other, Seconds::Of);
        }
        match self.body.and_then(|body| body.get(name)) {
            None | Some(Value::Null) => Seconds::Absent,
            Some(value) => value.as_f64().map_or(Seconds::Other, Seconds::Of),
        }
    }
}

enum Seconds {
    Absent,
    Of(f64),
    Other,
}

/// ISO 8601 with an offset, or without one, which Celery takes for UTC.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .ok();
    let read = with_offset.or_else(|| text.parse::<NaiveDateTime>().ok().map(|at| at.and_utc()));
    read.filter(writable)
}

/// Whether ISO 8601 has four digits for its year, and Python a `datetime`.
fn writable(at: &DateTime<Utc>) -> bool {
    (1..=9999).contains(&at.year())
}

fn after(now: DateTime<Utc>, seconds: f64) -> Option<DateTime<Utc>> {
    let micros = (seconds * 1e6).round();
    let delta = (micros.abs() < 9e18).then(|| TimeDelta::microseconds(micros as i64))?;
    now.checked_add_signed(delta).filter(writable)
}
