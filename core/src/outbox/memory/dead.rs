//! The dead letters of the outbox in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{MemoryOutbox, Outcome, State};
use crate::broker::{DeadLetter, DeadReason, DeadSelection};
use crate::event::Envelope;
use crate::outbox::{DeadLetterStore, OUTBOX_ORIGIN, OutboxError, OutboxEvent, signal};

/// A dead letter, kept also when it was replayed.
pub(super) struct Dead {
    letter: DeadLetter,
    pub(super) replayed: bool,
}

#[async_trait]
impl DeadLetterStore for MemoryOutbox {
    async fn dead_letters(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OutboxError> {
        let state = self.lock();
        let waiting = state.dead.iter().filter(|d| !d.replayed).map(|d| &d.letter);
        let selected = waiting.filter(|letter| selection.covers(letter));
        Ok(selected.take(limit).cloned().collect())
    }

    async fn replay(
        &self,
        selection: &DeadSelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        let mut state = self.lock();
        let mut letters = std::mem::take(&mut state.dead);
        let mut replayed = 0;
        for dead in &mut letters {
            if !dead.replayed && selection.covers(&dead.letter) && state.put_back(&dead.letter, now)
            {
                dead.replayed = true;
                replayed += 1;
            }
        }
        state.dead = letters;
        drop(state);
        signal::ring(&self.0.changed);
        Ok(replayed)
    }

    async fn purge_dead_letters(&self, selection: &DeadSelection) -> Result<u64, OutboxError> {
        let mut state = self.lock();
        let before = state.dead.len();
        state.dead.retain(|dead| !selection.covers(&dead.letter));
        Ok((before - state.dead.len()) as u64)
    }
}

impl State {
    pub(super) fn bury(&mut self, envelope: &Envelope, reason: &DeadReason, now: DateTime<Utc>) {
        self.dead.retain(|dead| {
            dead.letter.envelope.id != envelope.id || dead.letter.reason.handler != reason.handler
        });
        self.dead.push(Dead {
            letter: DeadLetter {
                envelope: envelope.clone(),
                reason: reason.clone(),
                origin: OUTBOX_ORIGIN.to_owned(),
                died_at: now,
            },
            replayed: false,
        });
    }

    /// Puts a dead letter's event back for its handler; `false` when it is being delivered right now.
    fn put_back(&mut self, letter: &DeadLetter, now: DateTime<Utc>) -> bool {
        let handler = letter.reason.handler.as_deref();
        let known = self.by_id.get(&letter.envelope.id).copied();
        let Some(row) = known.and_then(|seq| self.rows.get_mut(&seq)) else {
            let mut event = OutboxEvent::new(letter.revived(), now, Uuid::nil());
            event.retarget(handler, true);
            self.insert(event);
            return true;
        };
        if row.claimed_until.is_some_and(|until| until > now) {
            return false;
        }
        let closed = row.outcome != Outcome::Open;
        row.event.retarget(handler, closed);
        row.event.envelope = letter.revived();
        row.available_at = now;
        row.claimed_until = None;
        row.outcome = Outcome::Open;
        self.open.extend(known);
        true
    }
}
