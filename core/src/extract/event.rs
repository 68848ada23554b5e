//! The payload as a type.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::{FromContext, Rejection};
use crate::event::Event;
use crate::handler::Context;

#[diagnostic::do_not_recommend]
impl<T: Event> FromContext for T {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        read(cx, T::NAME)
    }
}

/// The payload, read into any type that serde can read: for a subscriber that shares no event types with
/// the publisher, and for topic patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<T>(
    /// What was read.
    pub T,
);

impl<T: DeserializeOwned> FromContext for Payload<T> {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        read(cx, std::any::type_name::<T>()).map(Self)
    }
}

fn read<T: DeserializeOwned>(cx: &Context, expected: &'static str) -> Result<T, Rejection> {
    let payload = &cx.envelope.payload;
    // Tracking the path costs time on every field; most payloads fit.
    T::deserialize(payload).or_else(|_| read_with_path(cx, payload, expected))
}

fn read_with_path<T: DeserializeOwned>(
    cx: &Context,
    payload: &Value,
    expected: &'static str,
) -> Result<T, Rejection> {
    serde_path_to_error::deserialize(payload).map_err(|error| Rejection::Invalid {
        topic: cx.envelope.topic.clone(),
        expected,
        path: error.path().to_string(),
        pointer: pointer(error.path()),
        reason: error.inner().to_string(),
    })
}

fn pointer(path: &Path) -> String {
    let escaped = |word: &str| format!("/{}", word.replace('~', "~0").replace('/', "~1"));
    let token = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(escaped(key)),
        Segment::Enum { variant } => Some(escaped(variant)),
        Segment::Unknown => None,
    };
    path.iter().map_while(token).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::extract::testing::context;
    use crate::handler::{HandlerError, StateMap};
    use serde_json::json;

    #[crate::event("order.paid")]
    #[derive(PartialEq)]
    struct OrderPaid {
        items: Vec<Item>,
    }

    #[derive(
        Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
    )]
    struct Item {
        count: u32,
    }

    #[test]
    fn an_event_is_read_from_the_payload() {
        let cx = context(
            "order.paid",
            json!({"items": [{"count": 2}]}),
            StateMap::default(),
        );
        let expected = OrderPaid {
            items: vec![Item { count: 2 }],
        };
        assert_eq!(OrderPaid::from_context(&cx).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_names_topic_type_and_path() {
        let cx = context(
            "order.paid",
            json!({"items": [{"count": 1}, {"count": true}]}),
            StateMap::default(),
        );
        let error = HandlerError::from(OrderPaid::from_context(&cx).unwrap_err());
        let HandlerError::Invalid { error, pointer } = error else {
            unreachable!("{error:?}")
        };
        assert_eq!(pointer, "/items/1/count");
        assert_eq!(
            error,
            "topic `order.paid`: the payload does not fit `OrderPaid` at `items[1].count`: \
             invalid type: boolean `true`, expected u32"
        );
    }

    #[test]
    fn a_type_without_a_topic_is_read_as_payload() {
        let cx = context("order.paid", json!({"count": 3}), StateMap::default());
        assert_eq!(
            Payload::<Item>::from_context(&cx).unwrap().0,
            Item { count: 3 }
        );
    }
}
