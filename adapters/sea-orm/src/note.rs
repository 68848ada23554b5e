//! The note that a save without a transaction leaves in the row's own rules column.

use celerysalt::chain::Chain;
use celerysalt::event::Envelope;
use celerysalt::rules::Rules;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// After this time a claim to delete has no owner any more, and an intent whose row shows nothing of it
/// is dropped.
const STALE: TimeDelta = TimeDelta::minutes(10);

/// What a row carries until it is moved: the intent's id and what is left to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// The intent in `celerysalt_pending`.
    pub(crate) id: Uuid,
    #[serde(flatten)]
    pub(crate) left: Left,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Left {
    /// These events fired with the statement that wrote the note; they go to the outbox.
    Events(Vec<Envelope>),
    /// The row was inserted in this chain; its on-insert rules are to be evaluated.
    Inserted(Chain),
    /// The row is about to be deleted, with these events.
    Deleting(Vec<Envelope>),
}

impl Note {
    /// The note in a row's rules.
    pub(crate) fn of(rules: &Rules) -> Option<Self> {
        let note = rules.note()?;
        match serde_json::from_value(note.clone()) {
            Ok(note) => Some(note),
            Err(error) => {
                tracing::error!(%error, "a rules column carries a `celerysalt` note that cannot be read; it is dropped");
                None
            }
        }
    }

    /// Puts the note into the rules of a row.
    pub(crate) fn put(&self, rules: &mut Rules) -> Result<(), serde_json::Error> {
        rules.set_note(Some(serde_json::to_value(self)?));
        Ok(())
    }

    /// Whether the note's writer has had its time.
    pub(crate) fn is_stale(&self, now: DateTime<Utc>) -> bool {
        is_stale(self.id, now)
    }
}

/// Whether an intent is so old that its saver is gone.
pub(crate) fn is_stale(intent: Uuid, now: DateTime<Utc>) -> bool {
    made_at(intent).is_none_or(|made| made + STALE <= now)
}

fn made_at(intent: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = intent.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// A new intent's id, which tells when it was made.
pub(crate) fn new_intent(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
    Uuid::new_v7(at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_small_json_that_comes_back() {
        let note = Note {
            id: Uuid::nil(),
            left: Left::Inserted(Chain::default()),
        };
        let json = serde_json::to_value(&note).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"id": "00000000-0000-0000-0000-000000000000", "inserted": {}})
        );
        assert_eq!(serde_json::from_value::<Note>(json).unwrap(), note);
    }

    #[test]
    fn an_intent_tells_its_age() {
        let made = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let intent = new_intent(made);
        assert!(!is_stale(intent, made + TimeDelta::minutes(9)));
        assert!(is_stale(intent, made + TimeDelta::minutes(10)));
    }
}
