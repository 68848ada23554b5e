//! The outbox: events that are committed with the rows that caused them, until they are delivered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::broker::DeadReason;
use crate::event::Envelope;

mod backoff;
pub mod conformance;
mod dead;
mod memory;
mod relay;
mod retry;
mod signal;
mod to_broker;

pub use backoff::Backoff;
pub use dead::{DeadLetterStore, OUTBOX_ORIGIN};
pub use memory::MemoryOutbox;
pub use relay::{Drained, Relay, RelayBuilder, RelayHealth, RelaySnapshot};
pub use retry::RetrySelection;
pub use signal::wake;
pub use to_broker::ToBroker;

/// An event whose claim was lost this often (its process died with it) is handed out alone, and a relay runs
/// nothing beside it: if it kills its process once more, no other event is under suspicion.
pub const QUARANTINE_AFTER: u32 = 2;

/// An event whose claim was lost this often has killed its process alone, more than once: a destination that
/// runs handlers gives it up as a dead letter instead of trying on.
pub const LOST_CLAIMS_LIMIT: u32 = 4;

/// Keeps events until they are delivered.
///
/// Contract:
/// - `append` is idempotent by event id. (ORM adapters write the same table inside the model's own
///   transaction; `append` is for events published without a model.)
/// - `claim` hands out undelivered events that are due, oldest first; an event of an aggregate only when no
///   older undelivered event of that aggregate is held by another claim or waiting for a retry
///   (unroutable events hold back nothing). A claim ends with `settle`, `release`, or after `lease`.
/// - A claim that ended by itself counts in the event's `lost_claims`. From [`QUARANTINE_AFTER`] on the event is
///   handed out alone: the claim ends before it, and the next one is of this event only.
/// - `settle`, `renew` and `release` touch only events that the claim still holds; an event that was lost to
///   another claim meanwhile is left alone, and logged.
/// - `settle` is atomic: the event's new state and its dead letters are stored together.
/// - An event that cannot be read is never handed out and never lost: it is reported, put off for a while, and
///   holds back its aggregate like a refused one until somebody mends it.
/// - Several relays, in several processes, may use one store at once. All times are the caller's `now`.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// Adds events.
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError>;
    /// Takes up to `limit` events for this long.
    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError>;
    /// Records what became of claimed events.
    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError>;
    /// Prolongs claims of this store's own.
    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError>;
    /// Gives claimed events back untouched.
    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError>;
    /// The first instant after `now` at which an event becomes due or a claim ends by itself, if any does.
    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError>;
    /// When the oldest event was stored that is not delivered yet, if there is one: waiting, claimed, or with nobody
    /// bound for it.
    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError>;
    /// Ends when new events may be there (LISTEN/NOTIFY, or the store's own signal); may wake for nothing.
    /// Stores that cannot tell never end; the relay polls beside it.
    async fn changed(&self);
    /// Forgets events delivered before this instant; returns how many.
    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError>;
    /// Makes events due now, as if they had never failed: an operator has mended what they failed of. What a claim
    /// holds is left alone, and an `eta` is waited for still. Returns how many.
    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError>;
    /// How many events stand in which state.
    async fn status(&self) -> Result<OutboxStatus, OutboxError>;
}

/// A store that many own.
pub type SharedOutbox = Arc<dyn OutboxStore>;

/// An event in the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEvent {
    /// The event.
    pub envelope: Envelope,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// How many delivery attempts have failed.
    pub attempts: u32,
    /// In-process delivery: what each handler has come to so far.
    pub progress: Progress,
    /// Set when dead letters were replayed: only these handlers are to run. Empty: all.
    pub targets: Vec<String>,
    /// How often a claim on it ended by itself since the last failed attempt: its process died, or hung.
    pub lost_claims: u32,
    /// Since when nobody is bound for it.
    pub unroutable_since: Option<DateTime<Utc>>,
    /// The token of the claim that holds it.
    pub token: Uuid,
}

impl OutboxEvent {
    /// An event that has just been stored and claimed.
    pub fn new(envelope: Envelope, created_at: DateTime<Utc>, token: Uuid) -> Self {
        Self {
            envelope,
            created_at,
            attempts: 0,
            progress: Progress::default(),
            targets: Vec::new(),
            lost_claims: 0,
            unroutable_since: None,
            token,
        }
    }

    /// The claim that holds it.
    pub fn claim(&self) -> Claim {
        Claim {
            event: self.envelope.id,
            token: self.token,
        }
    }
}

/// The right to settle an event, until it is settled, released, or lost by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The event's id.
    pub event: Uuid,
    /// Which claim holds it; another for each `claim`.
    pub token: Uuid,
}

/// What each handler of an event has come to; kept with the event, so that a restart repeats only what is not done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Progress(pub BTreeMap<String, HandlerProgress>);

/// What one handler has come to on one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HandlerProgress {
    /// It succeeded (or answered, or was dead-lettered): never again.
    Done,
    /// It failed so often and runs again at this instant.
    Retry {
        /// Retries used.
        retries: u32,
        /// When it runs again.
        at: DateTime<Utc>,
    },
    /// It was started and has not come back: counts crashes of the process inside the handler.
    Started {
        /// Retries used before.
        retries: u32,
        /// How often it was started without coming back.
        starts: u32,
    },
}

/// What became of a claimed event.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// Delivered; `dead` lists handlers that gave up (stored as dead letters).
    Delivered {
        /// Dead letters to store.
        dead: Vec<DeadReason>,
    },
    /// Not delivered, comes again at `at`; holds back its aggregate.
    Again {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        error: String,
        /// Handlers' progress to keep.
        progress: Progress,
        /// Dead letters to store now.
        dead: Vec<DeadReason>,
        /// Whether this counts as a failed attempt (and proves that the process survived it: lost claims are
        /// forgotten).
        counts: bool,
    },
    /// Nobody is bound for it; comes again at `at`, holds back nothing.
    Unroutable {
        /// When.
        at: DateTime<Utc>,
    },
    /// Nobody was bound for it for the whole set time; kept like a delivered one, visible in the status.
    Unrouted,
}

/// Delivers outbox events: to a broker, or to handlers in the process.
///
/// Contract: `deliver` returns one settlement an event, in order. Events of one aggregate are delivered in
/// order; after one that is `Again`, later ones of its aggregate are `Again` too without being tried
/// (with `counts: false`).
#[async_trait]
pub trait Destination: Send + Sync + 'static {
    /// Delivers a batch.
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement>;

    /// How the relay is to cut what it claims into batches.
    fn grouping(&self) -> Grouping {
        Grouping::Batch
    }
}

/// How a relay cuts what it claims into the batches of [`Destination::deliver`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// All in one: best where a batch travels together (a broker).
    #[default]
    Batch,
    /// One a aggregate (or a single event without aggregate), concurrently, each settled as it ends: a slow
    /// handler holds back nobody else.
    Aggregate,
}

/// How many events stand in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxStatus {
    /// Waiting for delivery.
    pub pending: u64,
    /// Of these, failed at least once.
    pub retrying: u64,
    /// Of the pending ones, with nobody bound.
    pub unroutable: u64,
    /// Given up for want of a subscriber; kept.
    pub unrouted: u64,
    /// Delivered and kept for the retention time.
    pub delivered: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest of the pending ones was stored.
    #[serde(default)]
    pub oldest: Option<DateTime<Utc>>,
}

/// Why an outbox operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The store is not reachable or failed; may be tried again.
    #[error("the outbox store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tables are missing or of another version.
    #[error(
        "the outbox tables are not there; run the migrations of celerysalt-migrations (`celerysalt migrations print` shows them)"
    )]
    NotMigrated,
    /// A stored event cannot be read.
    #[error("outbox event {id} cannot be read: {reason}")]
    Corrupt {
        /// Its id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}
