//! An update without a transaction.

use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, DbErr, QueryTrait};
use uuid::Uuid;

use super::{ATTEMPTS, contended, intent, mover, with_save};
use crate::entity::Follow;
use crate::key::Key;
use crate::note::{self, Claim};
use crate::plan::{self, Moment, Plan};
use crate::row::Written;
use crate::tables::Kept;
use crate::{row, tables};

/// The hook before an update. The row is written here, and SeaORM finds nothing to write, unless that would cost a round
/// trip.
pub(crate) async fn before_update<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
) -> Result<E::ActiveModel, DbErr> {
    let Some(key) = Key::<E>::of_active(&model) else {
        return Ok(model);
    };
    super::begin(db).await?;
    let mut update = Update {
        db,
        key,
        moment: Moment::current(),
        announced: None,
    };
    let saved = update.run(model).await;
    if let Some(intent) = update.announced {
        // The note was not written. If this fails as well, `recover` drops the intent.
        let withdrawn = tables::delete_intents(db, &[intent]).await;
        if saved.is_ok() {
            withdrawn?;
        }
    }
    saved
}

struct Update<'a, E, C> {
    db: &'a C,
    key: Key<E>,
    /// That in which the row was read last: every attempt is one of its own.
    moment: Moment,
    /// The intent that was inserted, while no note stands for it.
    announced: Option<Uuid>,
}

impl<E: Follow, C: ConnectionTrait> Update<'_, E, C> {
    async fn run(&mut self, mut model: E::ActiveModel) -> Result<E::ActiveModel, DbErr> {
        let mut before = None;
        for _ in 0..ATTEMPTS {
            let Some((old, seen)) = row::seen::<E, C>(self.db, &self.key).await? else {
                row::missing::<E>(model.clone())?;
                return Ok(model);
            };
            self.moment = Moment::current();
            if before
                .replace(seen.clone())
                .is_some_and(|before| before == seen)
            {
                // The row is as it was, so it was the intent that is gone: `recover` took it for a dead one's.
                self.announced = None;
            }
            let settled = mover::settled::<E, C>(self.db, old, seen, &self.moment).await?;
            let Some((old, seen)) = settled else {
                continue;
            };
            let mut plan = plan::update::<E>(&old, &mut model, &self.moment)?;
            if self.may_be_unguarded(&plan, &old) {
                crate::__private::settle(E::active_rules_mut(&mut model));
                return Ok(model);
            }
            let claims = std::mem::take(&mut plan.claims);
            if self.write(&mut model, &old, &seen, plan).await? {
                self.tell(&claims).await;
                return Ok(model);
            }
            tokio::task::yield_now().await;
        }
        Err(contended::<E>())
    }

    /// PostgreSQL changes and returns a row in one statement of SeaORM's. A guard would cost another round trip, so a row
    /// without rules that could fire does without it there.
    fn may_be_unguarded(&self, plan: &Plan, old: &E::Model) -> bool {
        self.db.get_database_backend() == DbBackend::Postgres
            && plan.is_empty()
            && !plan::follows::<E>(E::rules(old), Operation::Update)
    }

    /// Writes the row if it is still what was evaluated. The write is guarded even when nothing fires: a rule
    /// might have, on what the row has become meanwhile.
    async fn write(
        &mut self,
        model: &mut E::ActiveModel,
        old: &E::Model,
        seen: &str,
        mut plan: Plan,
    ) -> Result<bool, DbErr> {
        let kept = Kept::of(&mut plan);
        if kept.is_empty() {
            return self.write_quietly(model, seen, plan.rules).await;
        }
        let rules = plan.rules.unwrap_or_else(|| (**E::rules(old)).clone());
        let id = self.announce().await?;
        let mut write = model.clone();
        let noted = with_save(&rules, kept.noted(id))?;
        *E::active_rules_mut(&mut write) = ActiveValue::Set(noted.into());
        let stands = tables::intent_stands(self.db.get_database_backend(), id);
        let written = row::guarded_update::<E, C>(self.db, write, seen, Some(stands)).await?;
        let Some(written) = written else {
            return Ok(false);
        };
        self.announced = None;
        self.moved(id, &kept, rules.clone(), written).await;
        settle::<E>(model, Some(rules));
        Ok(true)
    }

    async fn write_quietly(
        &self,
        model: &mut E::ActiveModel,
        seen: &str,
        rules: Option<CoreRules>,
    ) -> Result<bool, DbErr> {
        let mut write = model.clone();
        *E::active_rules_mut(&mut write) = match &rules {
            Some(rules) => ActiveValue::Set(rules.clone().into()),
            None => ActiveValue::NotSet,
        };
        let statement = E::update(write.clone()).validate()?.into_query();
        if !statement.get_values().is_empty() {
            let written = row::guarded_update::<E, C>(self.db, write, seen, None).await?;
            if written.is_none() {
                return Ok(false);
            }
        }
        settle::<E>(model, rules);
        Ok(true)
    }

    /// Tells those who are deleting the row what they delete. The save is done.
    async fn tell(&self, claims: &[Claim]) {
        for claim in claims {
            if let Err(error) = tables::tell(self.db, claim).await {
                tracing::error!(
                    model = E::NAME, intent = %claim.id, %error,
                    "a delete that is on its way may tell what the row was before this save"
                );
            }
        }
    }

    async fn announce(&mut self) -> Result<Uuid, DbErr> {
        if let Some(id) = self.announced {
            return Ok(id);
        }
        let now = Moment::current().now;
        let id = note::new_intent(now);
        let intent = intent::<E>(id, Some(&self.key), "update", now);
        tables::insert_intent(self.db, &intent).await?;
        Ok(*self.announced.insert(id))
    }

    /// The save is done; what fails here is made good by the next save of the row, or by `recover`.
    async fn moved(&self, id: Uuid, kept: &Kept, rules: CoreRules, written: Written) {
        let own = mover::Own {
            db: self.db,
            key: &self.key,
            id,
            kept,
            moment: &self.moment,
        };
        if let Err(error) = own.finish(rules, written).await {
            mover::report::<E>(id, &error);
        }
    }
}

/// Leaves SeaORM nothing to write.
fn settle<E: Follow>(model: &mut E::ActiveModel, rules: Option<CoreRules>) {
    if let Some(rules) = rules {
        *E::active_rules_mut(model) = ActiveValue::Set(rules.into());
    }
    E::settle(model);
}
