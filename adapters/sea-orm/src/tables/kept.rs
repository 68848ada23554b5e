//! What a save leaves in the library's tables.

use celerysalt::event::Envelope;
use celerysalt::follow::Plan;
use celerysalt::follow::note::{Claim, Save};
use celerysalt::history::Transition;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{events, transitions};

/// The events that a save fires and the history that it makes: kept together, or neither.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub(crate) struct Kept {
    pub(crate) events: Vec<Envelope>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) transitions: Vec<Transition>,
}

/// How it stands in an intent: once it was but the events.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Events(Vec<Envelope>),
    Both {
        events: Vec<Envelope>,
        #[serde(default)]
        transitions: Vec<Transition>,
    },
}

impl From<Form> for Kept {
    fn from(form: Form) -> Self {
        match form {
            Form::Events(events) => Self {
                events,
                transitions: Vec::new(),
            },
            Form::Both {
                events,
                transitions,
            } => Self {
                events,
                transitions,
            },
        }
    }
}

impl Kept {
    /// What a plan keeps, taken out of it.
    pub(crate) fn of(plan: &mut Plan) -> Self {
        Self {
            events: std::mem::take(&mut plan.events),
            transitions: std::mem::take(&mut plan.transitions),
        }
    }

    /// What a claim to delete tells.
    pub(crate) fn of_claim(claim: &Claim) -> Self {
        Self {
            events: claim.events.clone(),
            transitions: claim.transitions.clone(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.transitions.is_empty()
    }

    /// As a note in the row holds it, while it waits to be written.
    pub(crate) fn noted(&self, intent: Uuid) -> Save {
        Save::fired(intent, self.events.clone(), self.transitions.clone())
    }

    /// Writes it; what is there already stays as it is.
    pub(crate) async fn insert<C: ConnectionTrait>(
        &self,
        db: &C,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        keep(db, &self.events, &self.transitions, now).await
    }
}

/// Writes events and history; what is there already stays as it is.
pub(crate) async fn keep<C: ConnectionTrait>(
    db: &C,
    events: &[Envelope],
    transitions: &[Transition],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    events::insert(db, events, now).await?;
    transitions::insert(db, transitions).await
}
