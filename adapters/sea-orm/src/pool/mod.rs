//! Saves that may have no transaction: on a pool, or on a connection type that does not tell.
//!
//! The row is written by one statement that checks that the row is still the one that was evaluated, and
//! the events that fire travel in the row's own rules column in that statement, as a note. Afterwards they
//! are moved to the outbox. An intent in `celerysalt_pending`, written before, lets [`recover`](crate::recover)
//! find rows whose saver died in between. Every step may be repeated: event ids are fixed in the note.
//! Inside a transaction of the user's the same steps are right as well, and go with it when it is rolled back.

mod delete;
mod insert;
mod mover;
mod update;

pub(crate) use delete::{after_delete, before_delete};
pub(crate) use insert::{after_insert, before_insert};
pub(crate) use update::before_update;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue, DbErr};
use uuid::Uuid;

use celerysalt::rules::Rules as CoreRules;

use crate::entity::Follow;
use crate::error::FollowError;
use crate::key::Key;
use crate::note::{Note, Save};
use crate::tables::Intent;

/// How often a save is tried while others change the row.
const ATTEMPTS: u32 = 64;

fn contended<E: Follow>() -> DbErr {
    DbErr::from(FollowError::Contended {
        model: E::NAME,
        attempts: ATTEMPTS,
    })
}

fn intent<E: Follow>(
    id: Uuid,
    key: Option<&Key<E>>,
    operation: &'static str,
    now: DateTime<Utc>,
) -> Intent {
    Intent {
        id,
        model: E::NAME.to_owned(),
        row_key: key.and_then(Key::to_json),
        operation,
        events: None,
        created_at: now,
    }
}

/// An active model that writes nothing but the row's rules.
fn only_rules<E: Follow>(row: E::Model, rules: CoreRules) -> E::ActiveModel {
    use sea_orm::IntoActiveModel;
    let mut active = row.into_active_model();
    *E::active_rules_mut(&mut active) = ActiveValue::Set(rules.into());
    active
}

/// The rules with a save's note; a claim to delete that stands in them stays.
fn with_save(rules: &CoreRules, save: Save) -> Result<CoreRules, DbErr> {
    let mut rules = rules.clone();
    let note = Note {
        save: Some(save),
        claim: Note::of(&rules).claim,
    };
    note.put(&mut rules)?;
    Ok(rules)
}
