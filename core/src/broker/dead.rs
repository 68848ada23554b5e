//! Dead letters: events that handlers gave up.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BrokerError;
use crate::event::Envelope;

/// Why a message ended as a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadReason {
    /// The handler that gave up; absent when the message itself is at fault.
    pub handler: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// The last error.
    pub error: String,
}

/// A dead letter: an event that a handler gave up, with its reason and origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The event.
    pub envelope: Envelope,
    /// Why.
    pub reason: DeadReason,
    /// The queue or outbox it came from.
    pub origin: String,
    /// When.
    pub died_at: DateTime<Utc>,
}

/// Looks through a queue's dead letters: what an operator does with what handlers gave up.
///
/// Contract: a letter is either still there or replayed or purged, also when two do it at once. `replay`
/// publishes before it forgets, so a crash between may run a handler twice, never lose a letter.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// The first `limit` selected letters, oldest first.
    async fn list(
        &self,
        queue: &str,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, BrokerError>;
    /// Puts the selected letters back into their queue, each for the handler that gave up, with no retries
    /// used and neither `eta` nor `expires` (the operator wants it now). Returns how many.
    async fn replay(&self, queue: &str, selection: &DeadSelection) -> Result<usize, BrokerError>;
    /// Forgets the selected letters. Returns how many.
    async fn purge(&self, queue: &str, selection: &DeadSelection) -> Result<usize, BrokerError>;
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadSelection {
    /// All.
    All,
    /// Those of these events.
    Events(Vec<Uuid>),
    /// Those that died before this instant.
    Before(DateTime<Utc>),
}

impl DeadSelection {
    /// Whether a letter is among them.
    pub fn covers(&self, letter: &DeadLetter) -> bool {
        match self {
            Self::All => true,
            Self::Events(ids) => ids.contains(&letter.envelope.id),
            Self::Before(instant) => letter.died_at < *instant,
        }
    }
}
