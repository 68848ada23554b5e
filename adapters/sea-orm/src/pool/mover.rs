//! Moves what a note holds to the outbox, and the note out of the row.

use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{ATTEMPTS, contended, move_kept, only_rules, with_save};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{self, Left};
use crate::plan::{self, Moment};
use crate::row::Written;
use crate::tables::Kept;
use crate::{row, tables};

/// Settles what another save has left in a row that was just read. `None` when there was something: the row
/// is to be read again.
pub(super) async fn settled<E: Follow, C: ConnectionTrait>(
    db: &C,
    old: E::Model,
    seen: String,
    moment: &Moment,
) -> Result<Option<(E::Model, String)>, DbErr> {
    let note = note::of(E::rules(&old))?;
    let key = Key::<E>::of_model(&old);
    if let Some(save) = note.save {
        match save.left {
            Left::Events(events) => {
                let transitions = save.transitions;
                let kept = Kept {
                    events,
                    transitions,
                };
                move_kept(db, &kept, moment).await?;
                drop_note::<E, C>(db, &key, save.id).await?;
            }
            Left::Inserted(_) => inserted::<E, C>(db, &key, old, &seen, save.id, moment).await?,
        }
        return Ok(None);
    }
    match note.claim.filter(|claim| !claim.stands(moment.now)) {
        Some(abandoned) => {
            // The intent first: left alone it would fire when another deletes the row.
            tables::delete_intents(db, &[abandoned.id]).await?;
            drop_note::<E, C>(db, &key, abandoned.id).await?;
            Ok(None)
        }
        None => Ok(Some((old, seen))),
    }
}

/// Evaluates the on-insert rules of a row and turns the note into one with events, which it moves.
async fn inserted<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
    old: E::Model,
    seen: &str,
    id: Uuid,
    moment: &Moment,
) -> Result<(), DbErr> {
    let mut plan = plan::settle::<E>(&old, moment)?;
    let kept = Kept::of(&mut plan);
    let rules = plan.rules.unwrap_or_else(|| (**E::rules(&old)).clone());
    let noted = with_save(&rules, kept.noted(id))?;
    let write = only_rules::<E>(old, noted);
    match row::guarded_update::<E, C>(db, write, seen, None).await? {
        Some(written) => {
            Own {
                db,
                key,
                id,
                kept: &kept,
                moment,
            }
            .finish(rules, written)
            .await
        }
        None => Ok(()), // Another was faster; the row is read again.
    }
}

/// A save's own note, right after the statement that wrote it.
pub(super) struct Own<'s, E, C> {
    pub(super) db: &'s C,
    pub(super) key: &'s Key<E>,
    /// The intent that stands for the note.
    pub(super) id: Uuid,
    pub(super) kept: &'s Kept,
    pub(super) moment: &'s Moment,
}

impl<E: Follow, C: ConnectionTrait> Own<'_, E, C> {
    /// Moves what the note holds, and leaves these rules in the row.
    pub(super) async fn finish(self, rules: CoreRules, written: Written) -> Result<(), DbErr> {
        let Self { db, key, id, .. } = self;
        move_kept(db, self.kept, self.moment).await?;
        if let Some(seen) = written.seen {
            let mut write = <E::ActiveModel as sea_orm::ActiveModelTrait>::default();
            key.write_to(&mut write)?;
            *E::active_rules_mut(&mut write) = sea_orm::ActiveValue::Set(rules.into());
            let cleared = row::guarded_update::<E, C>(db, write, &seen, None).await?;
            if cleared.is_some() {
                return tables::delete_intents(db, &[id]).await;
            }
        }
        drop_note::<E, C>(db, key, id).await
    }
}

/// Takes a note out of a row whose rules others may change meanwhile, and ends its intent.
pub(super) async fn drop_note<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
    intent: Uuid,
) -> Result<(), DbErr> {
    for _ in 0..ATTEMPTS {
        let Some((old, seen)) = row::seen::<E, C>(db, key).await? else {
            return tables::delete_intents(db, &[intent]).await;
        };
        let mut rules: CoreRules = (**E::rules(&old)).clone();
        let mut note = note::of(&rules)?;
        if !note.take_out(intent) {
            return tables::delete_intents(db, &[intent]).await;
        }
        note::put(&note, &mut rules)?;
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
