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

use celerysalt::rules::Rules as CoreRules;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, DbErr, IntoActiveModel};
use uuid::Uuid;

use crate::entity::Follow;
use crate::error::FollowError;
use crate::key::Key;
use crate::note::{self, Note, Save};
use crate::plan::Moment;
use crate::row;
use crate::tables::{self, Intent, Kept};

/// How often a save is tried while others change the row.
const ATTEMPTS: u32 = 64;

/// Before the row is read. In a transaction of SQLite that has read, a write fails at once while another
/// writes; so where there may be a transaction, the write lock comes first. A pool has none.
async fn begin<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite && !row::is_pool::<C>() {
        return tables::lock_for_write(db).await;
    }
    Ok(())
}

/// Moves events to the outbox, and transitions to the history. Only PostgreSQL tells its relays that there is something
/// new, so elsewhere that is done here.
async fn move_kept<C: ConnectionTrait>(db: &C, kept: &Kept, moment: &Moment) -> Result<(), DbErr> {
    kept.insert(db, moment.now).await?;
    let tells = db.get_database_backend() == DbBackend::Postgres;
    if !kept.events.is_empty() && row::is_pool::<C>() && !tells {
        celerysalt::outbox::wake();
    }
    Ok(())
}

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
        kept: None,
        created_at: now,
    }
}

/// An active model that writes nothing but the row's rules.
fn only_rules<E: Follow>(row: E::Model, rules: CoreRules) -> E::ActiveModel {
    let mut active = row.into_active_model();
    *E::active_rules_mut(&mut active) = ActiveValue::Set(rules.into());
    active
}

/// The rules with a save's note; a claim to delete that stands in them stays.
fn with_save(rules: &CoreRules, save: Save) -> Result<CoreRules, DbErr> {
    let mut rules = rules.clone();
    let note = Note {
        save: Some(save),
        claim: note::of(&rules)?.claim,
    };
    note::put(&note, &mut rules)?;
    Ok(rules)
}
