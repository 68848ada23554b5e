//! Headers as Celery writes them, and this library's own for retries.

use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};

/// The handler that a retry is for.
pub(crate) const TARGET: &str = "x-celerysalt-handler";
/// How often that handler has been tried; Celery's `retries` belongs to the task as a whole.
pub(crate) const RETRIES: &str = "x-celerysalt-retries";
/// How often the message came back to its queue unsettled, as far as this library counted.
pub(crate) const RETURNS: &str = "x-celerysalt-returns";
/// The topic, of a message whose routing key leads back from somewhere.
pub(crate) const TOPIC: &str = "x-celerysalt-topic";
/// Of a dead letter: its last error. Of a retry: the error that it was scheduled with.
pub(crate) const ERROR: &str = "x-celerysalt-error";
/// Not to be handled after this instant; Celery's.
pub(crate) const EXPIRES: &str = "expires";
/// Not to be handled before this instant; Celery's.
pub(crate) const ETA: &str = "eta";
/// Of a dead letter: how often it was tried.
pub(crate) const DEAD_ATTEMPTS: &str = "x-celerysalt-attempts";
/// Of a dead letter: the queue that it comes from.
pub(crate) const DEAD_ORIGIN: &str = "x-celerysalt-origin";
/// Of a dead letter: the handler that gave up; void when the message itself is at fault.
pub(crate) const DEAD_HANDLER: &str = "x-celerysalt-dead-handler";
/// Of a dead letter: when it died, RFC 3339.
pub(crate) const DEAD_AT: &str = "x-celerysalt-died-at";
/// Of a message that was published again without some of its headers: what is missing, and why.
pub(crate) const DROPPED: &str = "x-celerysalt-headers-dropped";
/// RabbitMQ's count of deliveries that came back, on quorum queues.
pub(crate) const DELIVERY_COUNT: &str = "x-delivery-count";

/// A header's text; nothing when it is absent, void, or of another type.
pub(crate) fn text<'a>(
    headers: Option<&'a FieldTable>,
    name: &str,
) -> Option<std::borrow::Cow<'a, str>> {
    match value(headers, name)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes())),
        AMQPValue::ShortString(text) => Some(text.as_str().into()),
        _ => None,
    }
}

/// A header's whole number, of whatever width the writer chose.
pub(super) fn number(headers: Option<&FieldTable>, name: &str) -> Option<i64> {
    match *value(headers, name)? {
        AMQPValue::ShortShortInt(n) => Some(n.into()),
        AMQPValue::ShortShortUInt(n) => Some(n.into()),
        AMQPValue::ShortInt(n) => Some(n.into()),
        AMQPValue::ShortUInt(n) => Some(n.into()),
        AMQPValue::LongInt(n) => Some(n.into()),
        AMQPValue::LongUInt(n) => Some(n.into()),
        AMQPValue::LongLongInt(n) => Some(n),
        _ => None,
    }
}

/// A header that counts something; what is below 0 is 0.
pub(crate) fn count(headers: Option<&FieldTable>, name: &str) -> Option<u32> {
    number(headers, name).map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX))
}

/// A header that is there and not void.
pub(super) fn value<'a>(headers: Option<&'a FieldTable>, name: &str) -> Option<&'a AMQPValue> {
    headers?
        .inner()
        .get(name)
        .filter(|value| !matches!(value, AMQPValue::Void))
}

/// A table under construction.
#[derive(Default)]
pub(super) struct Headers(FieldTable);

impl Headers {
    pub(super) fn text(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.put(name, AMQPValue::LongString(LongString::from(text)))
    }

    pub(super) fn maybe(&mut self, name: &'static str, text: Option<String>) -> &mut Self {
        match text {
            Some(text) => self.text(name, &text),
            None => self.void(name),
        }
    }

    pub(super) fn number(&mut self, name: &'static str, number: u32) -> &mut Self {
        self.put(name, AMQPValue::LongLongInt(number.into()))
    }

    pub(super) fn void(&mut self, name: &'static str) -> &mut Self {
        self.put(name, AMQPValue::Void)
    }

    pub(super) fn voids(&mut self, names: &[&'static str]) -> &mut Self {
        for name in names {
            self.void(name);
        }
        self
    }

    /// `[null, null]`.
    pub(super) fn no_limits(&mut self, name: &'static str) -> &mut Self {
        let none = FieldArray::from(vec![AMQPValue::Void, AMQPValue::Void]);
        self.put(name, AMQPValue::FieldArray(none))
    }

    pub(super) fn empty_table(&mut self, name: &'static str) -> &mut Self {
        self.put(name, AMQPValue::FieldTable(FieldTable::default()))
    }

    pub(super) fn into_table(self) -> FieldTable {
        self.0
    }

    fn put(&mut self, name: &'static str, value: AMQPValue) -> &mut Self {
        self.0.insert(ShortString::from(name), value);
        self
    }
}
