//! `_tchu_meta`: an event's metadata, beside its fields.

use celerysalt::chain::Chain;
use celerysalt::event::{Envelope, Meta};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{DecodeError, kind};

/// The key.
pub(super) const META: &str = "_tchu_meta";

/// The keys that Python writes and reads (`is_rpc` to `tracestate`), and this library's own.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TchuMeta {
    pub(super) is_rpc: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(flatten)]
    pub(super) chain: Chain,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracestate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aggregate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<DateTime<Utc>>,
}

impl TchuMeta {
    pub(super) fn of(envelope: &Envelope) -> Self {
        let Meta {
            chain,
            is_rpc,
            aggregate,
            rule_id,
            traceparent,
            tracestate,
            created_at,
            ..
        } = envelope.meta.clone();
        Self {
            is_rpc,
            version: envelope.version.clone(),
            chain,
            traceparent,
            tracestate,
            aggregate,
            rule_id,
            created_at,
        }
    }

    /// Takes the metadata out of an event's fields. Without any (tchu-tchu 2) the message is a direct call.
    pub(super) fn take(fields: &mut Map<String, Value>) -> Result<Self, DecodeError> {
        match fields.remove(META) {
            None => Ok(Self {
                is_rpc: true,
                ..Self::default()
            }),
            Some(meta @ Value::Object(_)) => serde_json::from_value(meta)
                .map_err(|error| DecodeError::json("`_tchu_meta`", &error)),
            Some(other) => Err(DecodeError::Shape {
                place: "`_tchu_meta`",
                found: kind(&other),
                expected: "an object",
            }),
        }
    }
}
