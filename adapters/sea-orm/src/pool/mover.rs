//! Moves what a note holds to the outbox, and the note out of the row.

use celerysalt::event::Envelope;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{ATTEMPTS, contended, only_rules, with_note};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{Left, Note};
use crate::plan::{self, Moment, Plan};
use crate::{row, tables};

/// A note that another save has left and that must be settled before this one goes on: anything but a
/// claim to delete that is still fresh.
pub(super) fn left_by_another<E: Follow>(old: &E::Model, moment: &Moment) -> Option<Note> {
    Note::of(E::rules(old))
        .filter(|note| !matches!(note.left, Left::Deleting(_)) || note.is_stale(moment.now))
}

/// Settles another's note in a row that was just read. Afterwards the row is to be read again.
pub(super) async fn settle<E: Follow, C: ConnectionTrait>(
    db: &C,
    old: E::Model,
    seen: &str,
    note: Note,
    moment: &Moment,
) -> Result<(), DbErr> {
    let key = Key::<E>::of_model(&old);
    match &note.left {
        Left::Events(events) => {
            tables::insert_events(db, events, moment.now).await?;
            drop_note::<E, C>(db, &key, note.id).await
        }
        Left::Deleting(_) => drop_note::<E, C>(db, &key, note.id).await,
        Left::Inserted(_) => inserted::<E, C>(db, &key, old, seen, note, moment).await,
    }
}

/// Evaluates the on-insert rules of a row and turns the note into one with events, which it moves.
async fn inserted<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
    old: E::Model,
    seen: &str,
    note: Note,
    moment: &Moment,
) -> Result<(), DbErr> {
    let mut rules: CoreRules = (**E::rules(&old)).clone();
    let mut plan = Plan::default();
    let row = E::followed().row(&old);
    let id = note.id;
    plan::settle::<E>(
        Some(note),
        &mut rules,
        &row,
        &key.aggregate(),
        moment,
        &mut plan,
    );
    let note = Note {
        id,
        left: Left::Events(plan.events),
    };
    let noted = with_note(&rules, &note)?;
    let write = only_rules::<E>(old, noted);
    let written = row::guarded_update::<E, C>(db, write, seen, None).await?;
    let (Some(seen), Left::Events(events)) = (written, note.left) else {
        return Ok(()); // Another was faster; the row is read again.
    };
    finish::<E, C>(db, key, id, &events, rules, &seen, moment).await
}

/// Moves the events of this save's own note, right after the statement that wrote it.
pub(super) async fn finish<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
    intent: Uuid,
    events: &[Envelope],
    rules: CoreRules,
    seen: &str,
    moment: &Moment,
) -> Result<(), DbErr> {
    tables::insert_events(db, events, moment.now).await?;
    let mut write = <E::ActiveModel as sea_orm::ActiveModelTrait>::default();
    key.write_to(&mut write)?;
    *E::active_rules_mut(&mut write) = sea_orm::ActiveValue::Set(rules.into());
    match row::guarded_update::<E, C>(db, write, seen, None).await? {
        Some(_) => tables::delete_intents(db, &[intent]).await,
        None => drop_note::<E, C>(db, key, intent).await,
    }
}

/// Takes a note out of a row whose rules others may change meanwhile, and ends its intent.
async fn drop_note<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
    intent: Uuid,
) -> Result<(), DbErr> {
    for _ in 0..ATTEMPTS {
        let Some((old, seen)) = row::seen::<E, C>(db, key).await? else {
            return tables::delete_intents(db, &[intent]).await;
        };
        if Note::of(E::rules(&old)).is_none_or(|note| note.id != intent) {
            return tables::delete_intents(db, &[intent]).await;
        }
        let mut rules: CoreRules = (**E::rules(&old)).clone();
        rules.set_note(None);
        let write = only_rules::<E>(old, rules);
        if row::guarded_update::<E, C>(db, write, &seen, None)
            .await?
            .is_some()
        {
            return tables::delete_intents(db, &[intent]).await;
        }
        tokio::task::yield_now().await;
    }
    Err(contended::<E>())
}

/// Says that a move failed after the save had succeeded.
pub(super) fn report<E: Follow>(intent: Uuid, error: &DbErr) {
    tracing::error!(
        model = E::NAME, %intent, %error,
        "events of a committed save wait in their row to be moved to the outbox"
    );
}
