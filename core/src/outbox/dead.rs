//! Dead letters in the outbox: events that handlers in the process gave up.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{OutboxError, OutboxEvent, Progress};
use crate::broker::{DeadLetter, DeadSelection};
use crate::event::Envelope;

/// The `origin` of dead letters from an outbox.
pub const OUTBOX_ORIGIN: &str = "outbox";

/// Looks through the dead letters of an outbox.
///
/// Contract: `replay` puts the event back and marks the letter in one transaction. An event that is being
/// delivered in this very moment is left as it is, and its letter stays in the list.
#[async_trait]
pub trait DeadLetterStore: Send + Sync + 'static {
    /// The first `limit` selected letters that were not replayed, oldest first.
    async fn dead_letters(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OutboxError>;

    /// Puts the selected letters back into the outbox, each for the handler that gave up, with no retries used
    /// and neither `eta` nor `expires` (the operator wants it now). Returns how many.
    async fn replay(
        &self,
        selection: &DeadSelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError>;

    /// Forgets the selected letters, also those that were replayed. Returns how many.
    async fn purge_dead_letters(&self, selection: &DeadSelection) -> Result<u64, OutboxError>;
}

impl DeadLetter {
    /// The event as it goes out again: now, whatever its `eta` and `expires` said.
    pub fn revived(&self) -> Envelope {
        let mut envelope = self.envelope.clone();
        envelope.meta.eta = None;
        envelope.meta.expires = None;
        envelope
    }
}

impl OutboxEvent {
    /// Prepares an event that is still in the store for a replay to one handler (to all, without a name).
    ///
    /// One that is closed (delivered, given up) goes to that handler only. One that is open, since other
    /// handlers are not done with it, keeps their progress.
    pub fn retarget(&mut self, handler: Option<&str>, closed: bool) {
        match handler {
            Some(handler) if !closed => {
                self.progress.0.remove(handler);
                let known = self.targets.iter().any(|target| target == handler);
                if !self.targets.is_empty() && !known {
                    self.targets.push(handler.to_owned());
                }
            }
            _ => {
                self.progress = Progress::default();
                self.targets = handler.map(str::to_owned).into_iter().collect();
            }
        }
        self.attempts = 0;
        self.lost_claims = 0;
        self.unroutable_since = None;
    }
}
