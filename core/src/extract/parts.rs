//! Parts of the event and of the call.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{FromContext, Rejection};
use crate::event::{Envelope, Meta};
use crate::handler::Context;

/// The event's id: the same in every delivery of it, fit as a key against doing things twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId(
    /// The id.
    pub Uuid,
);

/// The event's topic: tells events apart behind a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(
    /// The topic.
    pub String,
);

/// How often this handler has failed on this event before; 0 at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries(
    /// The number.
    pub u32,
);

/// The event untyped: for handlers behind wildcards that take whatever comes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RawEvent {
    /// The topic.
    pub topic: String,
    /// The schema's version; absent in messages of old publishers.
    pub version: Option<String>,
    /// The event's fields.
    pub payload: Value,
}

impl FromContext for EventId {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Self(cx.envelope.id))
    }
}

impl FromContext for Topic {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Self(cx.envelope.topic.clone()))
    }
}

impl FromContext for Retries {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Self(cx.retries))
    }
}

impl FromContext for RawEvent {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        let Envelope {
            topic,
            version,
            payload,
            ..
        } = &*cx.envelope;
        Ok(Self {
            topic: topic.clone(),
            version: version.clone(),
            payload: payload.clone(),
        })
    }
}

impl FromContext for Meta {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(cx.envelope.meta.clone())
    }
}

impl FromContext for Envelope {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Envelope::clone(&cx.envelope))
    }
}

impl FromContext for Arc<Envelope> {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Arc::clone(&cx.envelope))
    }
}

impl FromContext for Context {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(cx.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::extract::testing::context;
    use crate::handler::StateMap;
    use serde_json::json;

    #[test]
    fn each_part_is_the_events_own() {
        let cx = context("order.paid", json!({"a": 1}), StateMap::default());
        assert_eq!(EventId::from_context(&cx).unwrap(), EventId(cx.envelope.id));
        assert_eq!(Topic::from_context(&cx).unwrap().0, "order.paid");
        assert_eq!(Retries::from_context(&cx).unwrap(), Retries(2));
        assert_eq!(Envelope::from_context(&cx).unwrap(), *cx.envelope);
        assert_eq!(Meta::from_context(&cx).unwrap(), cx.envelope.meta);
        let raw = RawEvent::from_context(&cx).unwrap();
        assert_eq!(
            (raw.version.as_deref(), raw.payload),
            (Some("v1"), json!({"a": 1}))
        );
    }
}
