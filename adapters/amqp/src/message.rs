//! A message as it came, to be sent on: to be tried again, to wait, or to rest among the dead letters.

use celerysalt::broker::DeadReason;
use chrono::{DateTime, SecondsFormat, Utc};
use lapin::message::Delivery as LapinDelivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Acker, BasicProperties};

use crate::delay::Ticks;
use crate::onward;
use crate::topology::{self, DEAD_EXCHANGE};
use crate::wire::{self, Incoming, headers};

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

    /// What there is to be read; `now` is when it came.
    pub(crate) fn incoming(&self, now: DateTime<Utc>) -> Incoming<'_> {
        Incoming {
            routing_key: self.routing_key.as_str(),
            properties: &self.properties,
            body: &self.body,
            now,
        }
    }

    /// The topic, whatever the way on which it came.
    pub(crate) fn topic(&self) -> String {
        let noted = headers::text(self.properties.headers().as_ref(), headers::TOPIC);
        noted.map_or_else(|| self.routing_key.to_string(), String::from)
    }

    /// With the instant at which it expires. One that says in how many seconds means from its first coming, and would
    /// else begin anew with every copy.
    pub(crate) fn expiring(mut self, at: Option<DateTime<Utc>>) -> Self {
        let given = self.properties.headers();
        let says_when = headers::text(given.as_ref(), headers::EXPIRES).is_some();
        let Some(at) = at.filter(|_| !says_when) else {
            return self;
        };
        let mut table = given.clone().unwrap_or_default();
        let instant = AMQPValue::LongString(wire::instant(at).into());
        table.insert(headers::EXPIRES.into(), instant);
        self.properties = self.properties.with_headers(table);
        self
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
            headers::ERROR,
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
            Change::Retry {
                handler,
                retries,
                error,
            } => {
                let error = AMQPValue::LongString(onward::shortened(error).into());
                table.insert(headers::ERROR.into(), error);
                for_handler(&mut table, Some(handler), retries);
            }
            Change::Revived { handler } => {
                let kept = table
                    .into_iter()
                    .filter(|(name, _)| !OF_ITS_LAST_LIFE.contains(&name.as_str()));
                let mut kept = kept.fold(FieldTable::default(), |mut kept, (name, value)| {
                    kept.insert(name.clone(), value.clone());
                    kept
                });
                for_handler(&mut kept, handler, 0);
                return kept;
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

/// Makes it a message for this handler alone, which has been tried so often.
fn for_handler(table: &mut FieldTable, handler: Option<&str>, retries: u32) {
    if let Some(handler) = handler {
        let target = AMQPValue::LongString(handler.into());
        table.insert(headers::TARGET.into(), target);
    }
    let number = |n: u32| AMQPValue::LongLongInt(n.into());
    table.insert(headers::RETRIES.into(), number(retries));
    table.insert(headers::RETURNS.into(), number(0));
}

/// What is said of a dead letter, and no longer when it goes to its queue again.
const OF_ITS_LAST_LIFE: &[&str] = &[
    headers::ETA,
    headers::EXPIRES,
    headers::TARGET,
    headers::ERROR,
    headers::DEAD_ATTEMPTS,
    headers::DEAD_ORIGIN,
    headers::DEAD_HANDLER,
    headers::DEAD_AT,
];

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
    /// That it is for this handler alone, which has been tried so often, and with what error last.
    Retry {
        handler: &'a str,
        retries: u32,
        error: &'a str,
    },
    /// That it is a dead letter no longer: for the handler that gave it up, untried, wanted now.
    Revived { handler: Option<&'a str> },
}
