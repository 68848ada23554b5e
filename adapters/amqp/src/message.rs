//! A message as it came, to be sent on: to be tried again, to wait, or to rest among the dead letters.

use celerysalt::broker::DeadReason;
use chrono::{DateTime, SecondsFormat, Utc};
use lapin::message::Delivery as LapinDelivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Acker, BasicProperties};

use crate::delay::Ticks;
use crate::onward;
use crate::topology::{self, DEAD_EXCHANGE};
use crate::wire::headers;

/// What is to be published, and where.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) exchange: ShortString,
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// What a returned message is known by.
    pub(crate) fn id(&self) -> Option<&ShortString> {
        self.properties.message_id().as_ref()
    }
}

/// A message of a queue, unchanged.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
    /// Whether it was delivered before.
    pub(crate) redelivered: bool,
}

impl Raw {
    /// Takes a delivery apart.
    pub(crate) fn of(delivery: LapinDelivery) -> (Self, Acker) {
        let LapinDelivery {
            routing_key,
            properties,
            data,
            redelivered,
            acker,
            ..
        } = delivery;
        (
            Self {
                routing_key,
                properties,
                body: data,
                redelivered,
            },
            acker,
        )
    }

    /// How often it came back to its queue: what this library counted, and what a quorum queue counts itself.
    pub(crate) fn returns(&self) -> Returns {
        let headers = self.properties.headers().as_ref();
        let counted = headers::count(headers, headers::RETURNS).unwrap_or_default();
        match headers::count(headers, headers::DELIVERY_COUNT) {
            Some(by_queue) => Returns {
                counted: counted.saturating_add(by_queue),
                uncounted: false,
            },
            None => Returns {
                counted,
                uncounted: self.redelivered,
            },
        }
    }

    /// The same message for its queue again: at once, or when an instant has come.
    pub(crate) fn again(
        &self,
        queue: &str,
        at: Option<Ticks>,
        delays: &str,
        change: Change<'_>,
    ) -> Message {
        let properties = onward::properties(&self.properties).with_headers(self.changed(change));
        let Some(ticks) = at else {
            return Message {
                exchange: "".into(),
                routing_key: queue.into(),
                properties: match self.properties.expiration().clone() {
                    Some(expiration) => properties.with_expiration(expiration),
                    None => properties,
                },
                body: self.body.clone(),
            };
        };
        Message {
            exchange: topology::delay_exchange(delays, ticks.level()).into(),
            routing_key: ticks.routing_key(queue).into(),
            properties,
            body: self.body.clone(),
        }
    }

    /// The same message as a dead letter of its queue.
    pub(crate) fn dead(&self, queue: &str, reason: &DeadReason, at: DateTime<Utc>) -> Message {
        let mut table = self.headers();
        let mut put = |name: &str, value: AMQPValue| {
            table.insert(name.into(), value);
        };
        put(
            headers::DEAD_ERROR,
            AMQPValue::LongString(onward::shortened(&reason.error).into()),
        );
        put(
            headers::DEAD_ATTEMPTS,
            AMQPValue::LongLongInt(reason.attempts.into()),
        );
        put(headers::DEAD_ORIGIN, AMQPValue::LongString(queue.into()));
        put(
            headers::DEAD_AT,
            AMQPValue::LongString(at.to_rfc3339_opts(SecondsFormat::Micros, true).into()),
        );
        put(
            headers::DEAD_HANDLER,
            match &reason.handler {
                Some(handler) => AMQPValue::LongString(handler.as_str().into()),
                None => AMQPValue::Void,
            },
        );
        Message {
            exchange: DEAD_EXCHANGE.into(),
            routing_key: queue.into(),
            properties: onward::properties(&self.properties).with_headers(table),
            body: self.body.clone(),
        }
    }

    fn changed(&self, change: Change<'_>) -> FieldTable {
        let mut table = self.headers();
        match change {
            Change::Nothing => {}
            Change::Returned(times) => {
                table.insert(
                    headers::RETURNS.into(),
                    AMQPValue::LongLongInt(times.into()),
                );
            }
            Change::Retry { handler, retries } => {
                let target = AMQPValue::LongString(handler.into());
                table.insert(headers::TARGET.into(), target);
                table.insert(
                    headers::RETRIES.into(),
                    AMQPValue::LongLongInt(retries.into()),
                );
                table.insert(headers::RETURNS.into(), AMQPValue::LongLongInt(0));
            }
        }
        table
    }

    /// Its headers that go on, with the topic, which the routing key of the way back no longer tells.
    fn headers(&self) -> FieldTable {
        let given = self.properties.headers().as_ref();
        let mut kept = given.map(onward::headers).unwrap_or_default();
        if !kept.contains_key(headers::TOPIC) {
            kept.insert(
                headers::TOPIC.into(),
                AMQPValue::LongString(self.routing_key.as_str().into()),
            );
        }
        kept
    }
}

/// How often a message came back unsettled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Returns {
    /// So often.
    pub(crate) counted: u32,
    /// And once more, which its queue notes but does not count.
    pub(crate) uncounted: bool,
}

/// What is noted in a message that goes to its queue again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// Nothing.
    Nothing,
    /// That it came back so often.
    Returned(u32),
    /// That it is for this handler alone, which has been tried so often.
    Retry { handler: &'a str, retries: u32 },
}
