//! What a save without a transaction (SeaORM's, on a bare pool) leaves in the row until it is moved to the outbox.
//! Ids are those of intents in `celerysalt_pending`, by which somebody looks after the row.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::chain::Chain;
use crate::event::Envelope;
use crate::rules::Rules;

/// So long a claim to delete keeps other deletes from making their own events: the delete follows it at once.
const CLAIM_STANDS: TimeDelta = TimeDelta::seconds(10);

/// The note in a row's rules.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Note {
    pub(super) save: Option<Saved>,
    pub(super) claim: Option<Claim>,
}

/// A save whose events are still to be moved.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Saved {
    pub(super) id: Uuid,
    #[serde(flatten)]
    pub(super) left: Left,
}

/// What is left to do for it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Left {
    /// These events fired with the statement that wrote the note.
    Events(Vec<Envelope>),
    /// The row was inserted in this chain; its on-insert rules are to be evaluated.
    Inserted(Chain),
}

/// The row is about to be deleted: whoever deletes it, these events fire.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Claim {
    pub(super) id: Uuid,
    pub(super) events: Vec<Envelope>,
}

impl Note {
    /// Empty when there is none.
    pub(super) fn of(rules: &Rules) -> Self {
        let Some(note) = rules.note() else {
            return Self::default();
        };
        serde_json::from_value(note.clone()).unwrap_or_else(|error| {
            tracing::error!(%error, "a rules column carries a `celerysalt` note that cannot be read; it is dropped");
            Self::default()
        })
    }
}

impl Claim {
    /// Whether its delete may still come.
    pub(super) fn stands(&self, now: DateTime<Utc>) -> bool {
        made_at(self.id).is_some_and(|made| now - made < CLAIM_STANDS)
    }
}

/// An intent's id tells when it was made.
fn made_at(intent: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = intent.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
