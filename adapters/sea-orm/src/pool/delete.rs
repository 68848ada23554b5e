//! A delete without a transaction.

use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{ATTEMPTS, contended, intent, move_kept, mover, only_rules};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{self, Claim, Note};
use crate::plan::{self, Moment};
use crate::tables::Kept;
use crate::{row, tables};

/// The hook before a delete: claims the row for the delete with the events that will fire, and keeps them
/// with the intent, since soon there is no row to carry them. Gives them to `after_delete`.
pub(crate) async fn before_delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
) -> Result<(Kept, Vec<Uuid>), DbErr> {
    let nothing = || (Kept::default(), Vec::new());
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok(nothing());
    };
    super::begin(db).await?;
    let mut announced = None;
    let claimed = claim::<E, C>(db, &key, &mut announced).await;
    let claim = match claimed {
        Ok(claim) => claim,
        Err(error) => {
            if let Some(intent) = announced {
                // If this fails as well, `recover` drops the intent.
                let _ = tables::delete_intents(db, &[intent]).await;
            }
            return Err(error);
        }
    };
    if let Some(unused) = announced.filter(|id| claim.as_ref().is_none_or(|c| c.id != *id)) {
        tables::delete_intents(db, &[unused]).await?;
    }
    let Some(claim) = claim else {
        return Ok(nothing());
    };
    let kept = Kept {
        events: claim.events,
        transitions: claim.transitions,
    };
    let mut announced = intent::<E>(claim.id, Some(&key), "delete", Moment::current().now);
    announced.kept = Some(kept.clone());
    tables::insert_intent(db, &announced).await?;
    Ok((kept, vec![claim.id]))
}

/// This delete's claim, or another's that stands; `None` when nothing fires.
async fn claim<E: Follow, C: ConnectionTrait>(
    db: &C,
    key: &Key<E>,
    announced: &mut Option<Uuid>,
) -> Result<Option<Claim>, DbErr> {
    for _ in 0..ATTEMPTS {
        let Some((old, seen)) = row::seen::<E, C>(db, key).await? else {
            return Ok(None);
        };
        let moment = Moment::current();
        let Some((old, seen)) = mover::settled::<E, C>(db, old, seen, &moment).await? else {
            continue;
        };
        if let Some(standing) = note::of(E::rules(&old))?.claim {
            return Ok(Some(standing));
        }
        let plan = plan::delete::<E>(&old, &moment)?;
        if plan.events.is_empty() && plan.transitions.is_empty() {
            return Ok(None);
        }
        let id = match *announced {
            Some(id) => id,
            None => {
                let id = note::new_intent(moment.now);
                let intent = intent::<E>(id, Some(key), "delete", moment.now);
                tables::insert_intent(db, &intent).await?;
                *announced.insert(id)
            }
        };
        let claim = Claim {
            id,
            events: plan.events,
            transitions: plan.transitions,
        };
        let mut rules: CoreRules = (**E::rules(&old)).clone();
        let note = Note {
            save: None,
            claim: Some(claim.clone()),
        };
        note::put(&note, &mut rules)?;
        let write = only_rules::<E>(old, rules);
        let written = row::guarded_update::<E, C>(db, write, &seen, None).await?;
        if written.is_some() {
            return Ok(Some(claim));
        }
        tokio::task::yield_now().await;
    }
    Err(contended::<E>())
}

/// The hook after a delete, in and out of transactions: keeps the events, unless the row is still there (a
/// trigger may have refused silently).
pub(crate) async fn after_delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
    kept: &Kept,
    intents: &[Uuid],
) -> Result<(), DbErr> {
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok(());
    };
    if !row::is_gone::<E, C>(db, &key).await? {
        return Ok(());
    }
    move_kept(db, kept, &Moment::current()).await?;
    tables::delete_intents(db, intents).await
}
