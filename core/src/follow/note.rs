//! What a save without a transaction (SeaORM's, on a bare pool) leaves in the row until it is moved to the outbox.

use serde::Deserialize;

use crate::chain::Chain;
use crate::event::Envelope;
use crate::rules::Rules;

/// The note's content; its id names the intent in `celerysalt_pending`, which its adapter ends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Left {
    /// These events fired with the statement that wrote the note.
    Events(Vec<Envelope>),
    /// The row was inserted in this chain; its on-insert rules are to be evaluated.
    Inserted(Chain),
    /// The row is about to be deleted, with these events.
    Deleting(Vec<Envelope>),
}

#[derive(Deserialize)]
struct Note {
    #[serde(flatten)]
    left: Left,
}

pub(super) fn left_in(rules: &Rules) -> Option<Left> {
    let note = rules.note()?;
    match serde_json::from_value::<Note>(note.clone()) {
        Ok(note) => Some(note.left),
        Err(error) => {
            tracing::error!(%error, "a rules column carries a `celerysalt` note that cannot be read; it is dropped");
            None
        }
    }
}
