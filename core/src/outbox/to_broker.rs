//! The relay's way to a broker.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Backoff, Destination, OutboxEvent, Progress, Settlement};
use crate::broker::{DeadReason, PublishError, SharedBroker};
use crate::clock;
use crate::event::Envelope;
use crate::telemetry::count;

/// Publishes outbox events to a broker.
///
/// A pipelined batch cannot stop midway: when the first event of an aggregate is refused, the second is on its
/// way already. So a batch goes out in waves: the first event of every aggregate (and all events without one),
/// then the second of every aggregate whose first was taken, and so on. Where aggregates differ, as they mostly
/// do, that is one wave; a batch of one single aggregate goes event by event, which is the price of its order.
///
/// An event that can never be published as it is ([`PublishError::Invalid`]) becomes a dead letter of the outbox, and
/// holds back nothing.
///
/// Times are the ambient clock's, which under a relay is the relay's.
pub struct ToBroker {
    broker: SharedBroker,
    backoff: Backoff,
}

impl ToBroker {
    /// Publishes to this broker, with the default backoff.
    pub fn new(broker: SharedBroker) -> Self {
        Self {
            broker,
            backoff: Backoff::default(),
        }
    }

    /// How refused and unroutable events are put off.
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    fn settlement(
        &self,
        event: &Slot,
        result: Result<(), PublishError>,
        now: DateTime<Utc>,
    ) -> Settlement {
        let delay = self.backoff.delay(event.attempts);
        match result {
            Ok(()) => Settlement::Delivered { dead: Vec::new() },
            Err(PublishError::Unroutable { .. }) => Settlement::Unroutable {
                at: clock::later(now, delay),
            },
            Err(PublishError::Refused { reason, after }) => {
                let at = clock::later(now, delay.max(after.unwrap_or(Duration::ZERO)));
                again(event, at, reason, true)
            }
            Err(PublishError::Invalid { reason }) => event.given_up(reason),
        }
    }
}

#[async_trait]
impl Destination for ToBroker {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let clock = clock::ambient();
        let (slots, mut envelopes): (Vec<Slot>, Vec<Option<Envelope>>) =
            batch.into_iter().map(Slot::split).unzip();
        let mut settled: Vec<Option<Settlement>> = vec![None; slots.len()];
        let mut refused: HashSet<&str> = HashSet::new();
        for mut wave in waves(&slots) {
            wave.retain(|&i| !slots[i].aggregate().is_some_and(|a| refused.contains(a)));
            let sent: Vec<Envelope> = wave.iter().filter_map(|&i| envelopes[i].take()).collect();
            if sent.is_empty() {
                break;
            }
            let mut results = self.broker.publish(&sent).await.into_iter();
            let now = clock.now();
            for i in wave {
                let result = results.next().unwrap_or_else(|| Err(unanswered()));
                let settlement = self.settlement(&slots[i], result, now);
                if matches!(settlement, Settlement::Again { .. }) {
                    refused.extend(slots[i].aggregate());
                }
                settled[i] = Some(settlement);
            }
        }
        hold_back(&slots, settled)
    }
}

/// What is kept of an event while its envelope is on its way.
struct Slot {
    id: Uuid,
    topic: String,
    aggregate: Option<String>,
    attempts: u32,
    progress: Progress,
}

impl Slot {
    fn split(event: OutboxEvent) -> (Slot, Option<Envelope>) {
        let slot = Slot {
            id: event.envelope.id,
            topic: event.envelope.topic.clone(),
            aggregate: event.envelope.meta.aggregate.clone(),
            attempts: event.attempts,
            progress: event.progress,
        };
        (slot, Some(event.envelope))
    }

    fn aggregate(&self) -> Option<&str> {
        self.aggregate.as_deref()
    }

    /// The event itself is at fault: it is kept as a dead letter, and what comes after it goes on.
    fn given_up(&self, error: String) -> Settlement {
        tracing::error!(event = %self.id, topic = self.topic, error, "dead letter");
        count::dead_lettered(&self.topic, None);
        let dead = DeadReason {
            handler: None,
            attempts: self.attempts.saturating_add(1),
            error,
        };
        Settlement::Delivered { dead: vec![dead] }
    }
}

/// The positions of the first events of all aggregates, of the second ones, and so on.
fn waves(slots: &[Slot]) -> Vec<Vec<usize>> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (i, slot) in slots.iter().enumerate() {
        let wave = slot.aggregate().map_or(0, |aggregate| {
            let next = seen.entry(aggregate).or_default();
            *next += 1;
            *next - 1
        });
        if waves.len() <= wave {
            waves.resize_with(wave + 1, Vec::new);
        }
        waves[wave].push(i);
    }
    waves
}

/// Fills in the events that were not tried: they come again when the one before them does.
fn hold_back(slots: &[Slot], settled: Vec<Option<Settlement>>) -> Vec<Settlement> {
    let mut heads: HashMap<&str, DateTime<Utc>> = HashMap::new();
    let mut whole = Vec::with_capacity(slots.len());
    for (slot, settlement) in slots.iter().zip(settled) {
        let key = slot.aggregate().unwrap_or_default();
        if let Some(Settlement::Again { at, .. }) = &settlement {
            heads.insert(key, *at);
        }
        whole.push(settlement.unwrap_or_else(|| {
            let at = heads.get(key).copied().unwrap_or_default();
            let reason = "held back: an older event of its aggregate was refused";
            again(slot, at, reason.to_owned(), false)
        }));
    }
    whole
}

fn again(slot: &Slot, at: DateTime<Utc>, error: String, counts: bool) -> Settlement {
    Settlement::Again {
        at,
        error,
        progress: slot.progress.clone(),
        dead: Vec::new(),
        counts,
    }
}

fn unanswered() -> PublishError {
    PublishError::Refused {
        reason: "the broker adapter gave no result for this event".to_owned(),
        after: None,
    }
}
