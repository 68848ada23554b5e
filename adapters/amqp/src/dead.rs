//! The dead letters of a service's queue.
//!
//! A queue cannot be searched. So a look-through takes every letter that was there at its start, over a channel of its
//! own; what it does not settle goes back to its place when the channel closes. Two at once share the letters.

use async_trait::async_trait;
use celerysalt::broker::{BrokerError, DeadLetter, DeadLetters, DeadReason, DeadSelection};
use celerysalt::event::{Envelope, Meta};
use chrono::{DateTime, Utc};
use lapin::options::BasicGetOptions;
use lapin::types::ShortString;
use lapin::{Acker, Channel};
use serde_json::json;
use uuid::Uuid;

use crate::acknowledge::ack;
use crate::broker::{AmqpBroker, Shared};
use crate::delay::Ticks;
use crate::failure::{of_queue, short};
use crate::message::{Change, Message, Raw};
use crate::topology::dead_queue;
use crate::wire::{self, headers};

#[async_trait]
impl DeadLetters for AmqpBroker {
    async fn list(
        &self,
        queue: &str,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BrokerError> {
        let look = LookThrough::open(&self.0, queue).await?;
        let listed = look.list(selection, limit).await;
        look.close().await;
        listed
    }

    async fn replay(&self, queue: &str, selection: &DeadSelection) -> Result<usize, BrokerError> {
        self.replay_dead(queue, selection, &|_| ()).await
    }

    async fn purge(&self, queue: &str, selection: &DeadSelection) -> Result<usize, BrokerError> {
        self.purge_dead(queue, selection, &|_| ()).await
    }
}

/// How far a look through the dead letters of a queue has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookedThrough {
    /// How many letters were looked at.
    pub looked: usize,
    /// How many there were in all when it began.
    pub of: usize,
}

/// Is told after each letter how far a look through has come.
type Watch<'a> = &'a (dyn Fn(LookedThrough) + Send + Sync);

impl AmqpBroker {
    /// As [`DeadLetters::replay`], and tells after each letter how far it has come.
    ///
    /// # Errors
    /// As [`DeadLetters::replay`].
    pub async fn replay_dead(
        &self,
        queue: &str,
        selection: &DeadSelection,
        watch: Watch<'_>,
    ) -> Result<usize, BrokerError> {
        let look = LookThrough::open(&self.0, queue).await?;
        let replayed = look.settle(selection, true, watch).await;
        look.close().await;
        replayed
    }

    /// As [`DeadLetters::purge`], and tells after each letter how far it has come.
    ///
    /// # Errors
    /// As [`DeadLetters::purge`].
    pub async fn purge_dead(
        &self,
        queue: &str,
        selection: &DeadSelection,
        watch: Watch<'_>,
    ) -> Result<usize, BrokerError> {
        let look = LookThrough::open(&self.0, queue).await?;
        let purged = look.settle(selection, false, watch).await;
        look.close().await;
        purged
    }
}

/// How many letters are taken out at once: the broker confirms many as fast as one.
const AT_ONCE: usize = 256;

struct LookThrough<'a> {
    broker: &'a Shared,
    queue: &'a str,
    dead: String,
    /// Its dead-letter queue, as AMQP carries the name.
    named: ShortString,
    channel: Channel,
}

impl<'a> LookThrough<'a> {
    async fn open(broker: &'a Shared, queue: &'a str) -> Result<Self, BrokerError> {
        let dead = dead_queue(queue);
        let named = short("name of a queue", &dead)?;
        let channel = broker.consume_link.channel().await?;
        Ok(Self {
            broker,
            queue,
            dead,
            named,
            channel,
        })
    }

    /// Puts back what was not settled.
    async fn close(self) {
        self.broker.settings.close(&self.channel).await;
    }

    /// The next letter, and how many are behind it.
    async fn take(&self) -> Result<Option<(Raw, Acker, u32)>, BrokerError> {
        let taking = async {
            let options = BasicGetOptions::default();
            let taken = self.channel.basic_get(self.named.clone(), options).await;
            taken.map_err(|error| of_queue(&self.dead, &error))
        };
        let taken = self
            .broker
            .settings
            .asked(&self.channel, &self.dead, taking)
            .await?;
        Ok(taken.map(|message| {
            let (raw, acker) = Raw::of(message.delivery);
            (raw, acker, message.message_count)
        }))
    }

    async fn list(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BrokerError> {
        let mut letters = Vec::new();
        while letters.len() < limit
            && let Some((raw, _, _)) = self.take().await?
        {
            letters
                .extend(Some(letter(&raw, self.queue)).filter(|letter| selection.covers(letter)));
        }
        Ok(letters)
    }

    /// Takes out the selected letters among those that are there now, and publishes them first if told so.
    async fn settle(
        &self,
        selection: &DeadSelection,
        replay: bool,
        watch: Watch<'_>,
    ) -> Result<usize, BrokerError> {
        let mut settled = 0;
        let mut looked = 0;
        let mut left = None;
        let mut chosen = Vec::new();
        let mut failed = Ok(());
        while left != Some(0)
            && let Some((raw, acker, behind)) = self.take().await?
        {
            left = Some(left.map_or(behind, |left: u32| left.saturating_sub(1).min(behind)));
            looked += 1;
            let letter = letter(&raw, self.queue);
            if selection.covers(&letter) {
                chosen.push((raw, letter, acker));
            }
            if chosen.len() == AT_ONCE {
                let chosen = std::mem::take(&mut chosen);
                settled += self.take_out(chosen, replay, &mut failed).await;
            }
            watch(LookedThrough {
                looked,
                of: looked + left.map_or(0, |left| left as usize),
            });
        }
        settled += self.take_out(chosen, replay, &mut failed).await;
        failed.map(|()| settled)
    }

    /// Takes these out, each once its copy is confirmed if they are replayed; gives how many. One that cannot be taken out
    /// stays and keeps no other back; the first such failure is noted.
    async fn take_out(
        &self,
        chosen: Vec<(Raw, DeadLetter, Acker)>,
        replay: bool,
        failed: &mut Result<(), BrokerError>,
    ) -> usize {
        let mut copies = Vec::new();
        let mut ackers = Vec::new();
        for (raw, letter, acker) in chosen {
            if replay {
                copies.push(self.revived(&raw, &letter));
            }
            ackers.push(acker);
        }
        let ready = match replay {
            true => self.broker.send_all_on(self.queue, copies).await,
            false => ackers.iter().map(|_| Ok(())).collect(),
        };
        let mut taken_out = 0;
        for (acker, ready) in ackers.iter().zip(ready) {
            let acked = match ready {
                Ok(()) => ack(acker).await,
                Err(error) => Err(error),
            };
            match acked {
                Ok(()) => taken_out += 1,
                Err(error) if failed.is_ok() => *failed = Err(error),
                Err(_) => {}
            }
        }
        taken_out
    }

    /// A letter's message for its queue: for the handler that gave up, untried, wanted now.
    fn revived(&self, raw: &Raw, letter: &DeadLetter) -> Message {
        let delays = &self.broker.settings.delays;
        let again = |change| raw.again(self.queue, None::<Ticks>, delays, change);
        if decoded(raw).is_none() {
            // No event yet: a newer version of the service may read it.
            return again(Change::Nothing);
        }
        let handler = letter.reason.handler.as_deref();
        let revived = again(Change::Revived { handler });
        match wire::wanted_now(&revived.body) {
            Some(body) => Message { body, ..revived },
            None => revived,
        }
    }
}

fn decoded(raw: &Raw) -> Option<Envelope> {
    let incoming = raw.incoming(DateTime::UNIX_EPOCH);
    wire::decode(&incoming).ok().map(|decoded| decoded.envelope)
}

fn letter(raw: &Raw, queue: &str) -> DeadLetter {
    let table = raw.properties.headers().as_ref();
    let text = |name| headers::text(table, name).map(String::from);
    let died_at = text(headers::DEAD_AT).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    DeadLetter {
        envelope: shown(raw),
        reason: DeadReason {
            handler: text(headers::DEAD_HANDLER),
            attempts: headers::count(table, headers::DEAD_ATTEMPTS).unwrap_or_default(),
            error: text(headers::ERROR)
                .unwrap_or_else(|| "RabbitMQ dead-lettered it (see its `x-death`)".to_owned()),
        },
        origin: text(headers::DEAD_ORIGIN).unwrap_or_else(|| queue.to_owned()),
        died_at: died_at.unwrap_or(DateTime::UNIX_EPOCH),
    }
}

/// A message as an event, whatever it is.
pub(crate) fn shown(raw: &Raw) -> Envelope {
    decoded(raw).unwrap_or_else(|| undecodable(raw))
}

/// A message that is no event, shown as one: its text under `undecodable`, with an id that stays the same.
fn undecodable(raw: &Raw) -> Envelope {
    const MOST: usize = 2_000;
    let text: String = String::from_utf8_lossy(&raw.body)
        .chars()
        .take(MOST)
        .collect();
    let named = raw.properties.message_id().as_ref().map(|id| id.as_str());
    let id = named
        .and_then(|id| Uuid::parse_str(id).ok())
        .unwrap_or_else(|| Uuid::new_v5(&Uuid::NAMESPACE_OID, &raw.body));
    Envelope {
        id,
        topic: raw.topic(),
        version: None,
        payload: json!({ "undecodable": text }),
        meta: Meta::default(),
    }
}
