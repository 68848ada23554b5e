//! A delete without a transaction.

use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{ATTEMPTS, contended, intent, move_kept, mover, only_rules};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{self, Claim, Note};
use crate::plan::{self, Moment, Plan};
use crate::tables::Kept;
use crate::{row, tables};

/// The hook before a delete: claims the row for the delete with the events that will fire, and keeps them
/// with the intent, since soon there is no row to carry them. Gives them to `after_delete`.
///
/// SeaORM's `DELETE` looks at nothing but the key, so the row is claimed even when nothing would fire: what it becomes
/// until then, [`follow::plan`](celerysalt::follow::plan) tells the intent.
pub(crate) async fn before_delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
) -> Result<Option<Claim>, DbErr> {
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok(None);
    };
    super::begin(db).await?;
    let mut delete = Delete {
        db,
        key,
        announced: None,
    };
    let claimed = delete.claim().await;
    if let Some(unused) = delete.announced {
        // If this fails as well, `recover` drops the intent.
        let withdrawn = tables::delete_intents(db, &[unused]).await;
        if claimed.is_ok() {
            withdrawn?;
        }
    }
    claimed
}

struct Delete<'a, E, C> {
    db: &'a C,
    key: Key<E>,
    /// The intent that was inserted, while no claim stands for it.
    announced: Option<Uuid>,
}

impl<E: Follow, C: ConnectionTrait> Delete<'_, E, C> {
    /// This delete's claim, or another's that stands; `None` when nothing looks at the delete.
    async fn claim(&mut self) -> Result<Option<Claim>, DbErr> {
        let mut before = None;
        for _ in 0..ATTEMPTS {
            let Some((old, seen)) = row::seen::<E, C>(self.db, &self.key).await? else {
                return Ok(None);
            };
            let moment = Moment::current();
            if before
                .replace(seen.clone())
                .is_some_and(|before| before == seen)
            {
                // The row is as it was, so it was the intent that is gone: `recover` took it for a dead one's.
                self.announced = None;
            }
            let settled = mover::settled::<E, C>(self.db, old, seen, &moment).await?;
            let Some((old, seen)) = settled else {
                continue;
            };
            let plan = plan::delete::<E>(&old, &moment)?;
            let claimed = match note::of(E::rules(&old))?.claim {
                Some(standing) if standing.tells(&plan) => Some(standing),
                Some(standing) => {
                    // The row was changed past all hooks.
                    let again = standing.again(&plan, &moment);
                    self.write(old, &seen, again).await?
                }
                None if !plan::follows::<E>(E::rules(&old), Operation::Delete) => return Ok(None),
                None => self.announce_and_write(old, &seen, &plan, &moment).await?,
            };
            if let Some(claim) = claimed
                && self.is_told(&claim).await?
            {
                return Ok(Some(claim));
            }
            tokio::task::yield_now().await;
        }
        Err(contended::<E>())
    }

    /// Claims a row that nobody has claimed. Once that may have been done the intent is not withdrawn: others who find
    /// the claim count on it.
    async fn announce_and_write(
        &mut self,
        old: E::Model,
        seen: &str,
        plan: &Plan,
        moment: &Moment,
    ) -> Result<Option<Claim>, DbErr> {
        let id = match self.announced.take() {
            Some(id) => id,
            None => {
                let id = note::new_intent(moment.now);
                let intent = intent::<E>(id, Some(&self.key), "delete", moment.now);
                tables::insert_intent(self.db, &intent).await?;
                id
            }
        };
        let claim = Claim::of(id, plan, moment);
        let claimed = self.write(old, seen, claim).await?;
        if claimed.is_none() {
            self.announced = Some(id);
        }
        Ok(claimed)
    }

    /// Puts a claim into the row, if row and intent are still what they were.
    async fn write(&self, old: E::Model, seen: &str, claim: Claim) -> Result<Option<Claim>, DbErr> {
        let mut rules: CoreRules = (**E::rules(&old)).clone();
        let note = Note {
            save: None,
            claim: Some(claim.clone()),
        };
        note::put(&note, &mut rules)?;
        let write = only_rules::<E>(old, rules);
        let stands = tables::intent_stands(self.db.get_database_backend(), claim.id);
        let written = row::guarded_update::<E, C>(self.db, write, seen, Some(stands)).await?;
        Ok(written.map(|_| claim))
    }

    /// Whether the claim's intent keeps what it tells, or what a later save made of it.
    async fn is_told(&self, claim: &Claim) -> Result<bool, DbErr> {
        if tables::tell(self.db, claim).await? || tables::intent(self.db, claim.id).await?.is_some()
        {
            return Ok(true);
        }
        // It has ended: with the row, or it was left alone for too long and what is left of it in the row means nothing.
        mover::drop_note::<E, C>(self.db, &self.key, claim.id).await?;
        Ok(false)
    }
}

/// The hook after a delete: tells what the intent keeps, unless the row is still there (a trigger may have refused
/// silently).
pub(crate) async fn after_delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
    claim: &Claim,
) -> Result<(), DbErr> {
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok(());
    };
    if !row::is_gone::<E, C>(db, &key).await? {
        return Ok(());
    }
    let moment = Moment::current();
    let own = || Kept::of_claim(claim);
    let kept = match tables::intent(db, claim.id).await? {
        Some(intent) => intent.kept.unwrap_or_else(own),
        None if claim.stands(moment.now) => return Ok(()), // Another has deleted the row and told it.
        None => own(),                                     // Somebody took this deleter for dead.
    };
    move_kept(db, &kept, &moment).await?;
    tables::delete_intents(db, &[claim.id]).await
}
