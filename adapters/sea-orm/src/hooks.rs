//! The hooks of a plain `insert`, `update`, `save` or `delete`.
//!
//! The derive calls them from its `ActiveModelBehavior`; with `#[follow(hooks = "manual")]` you call them from
//! yours: `before_save` and `before_delete` last, `after_save` and `after_delete` first.

use std::sync::Arc;

use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveModelTrait, ActiveValue, ConnectionTrait, DbErr, EntityTrait};

use crate::column::Rules;
use crate::entity::Follow;
use crate::passing::Passing;
use crate::plan::Plan;
use crate::row::{self, Lock};
use crate::{attach, link, plan, pool, transaction};

type Entity<A> = <A as ActiveModelTrait>::Entity;
type Model<A> = <Entity<A> as EntityTrait>::Model;

/// What [`ActiveModelBehavior::before_save`](sea_orm::ActiveModelBehavior::before_save) does for a followed model.
///
/// # Errors
/// The database's own; [`FollowError`](crate::FollowError) as `DbErr::Custom` when rules that the save attaches
/// are wrong or the chain of events is too deep. Nothing has been written then.
pub async fn before_save<A, C>(model: A, db: &C, insert: bool) -> Result<A, DbErr>
where
    A: ActiveModelTrait<Entity: Follow<ActiveModel = A>>,
    C: ConnectionTrait,
{
    let mut model = model;
    if is_followed::<Entity<A>>(&mut model) {
        return Ok(model);
    }
    row::supported(db)?;
    match (insert, row::is_transaction::<C>()) {
        (false, true) => transaction::before_update::<Entity<A>, C>(db, model).await,
        (false, false) => pool::before_update::<Entity<A>, C>(db, model).await,
        (true, true) => {
            check_attached::<Entity<A>>(&mut model)?;
            if follows_insert::<Entity<A>>(&mut model) {
                row::check_transaction(db).await?;
            }
            link::mark::<Entity<A>, C>(db, model)
        }
        (true, false) => {
            check_attached::<Entity<A>>(&mut model)?;
            pool::before_insert::<Entity<A>, C>(db, model).await
        }
    }
}

/// What [`ActiveModelBehavior::after_save`](sea_orm::ActiveModelBehavior::after_save) does for a followed model.
///
/// # Errors
/// As [`before_save`].
pub async fn after_save<A, C>(model: Model<A>, db: &C, insert: bool) -> Result<Model<A>, DbErr>
where
    A: ActiveModelTrait<Entity: Follow<ActiveModel = A>>,
    C: ConnectionTrait,
{
    let mut model = model;
    let passing = Entity::<A>::rules_mut(&mut model).take_passing();
    if !insert || matches!(passing.as_deref(), Some(Passing::Followed)) {
        return Ok(model);
    }
    if row::is_transaction::<C>() {
        if !link::is_new::<Entity<A>, C>(db, &model)? {
            return Ok(model);
        }
        let inserted = transaction::after_insert::<Entity<A>, C>(db, model).await;
        inserted.map(|(model, _)| model)
    } else {
        pool::after_insert::<Entity<A>, C>(db, model).await
    }
}

/// What [`ActiveModelBehavior::before_delete`](sea_orm::ActiveModelBehavior::before_delete) does for a followed model.
///
/// # Errors
/// As [`before_save`].
pub async fn before_delete<A, C>(model: A, db: &C) -> Result<A, DbErr>
where
    A: ActiveModelTrait<Entity: Follow<ActiveModel = A>>,
    C: ConnectionTrait,
{
    let mut model = model;
    if is_followed::<Entity<A>>(&mut model) {
        return Ok(model);
    }
    row::supported(db)?;
    let passing = if row::is_transaction::<C>() {
        let planned = transaction::plan_delete::<Entity<A>, C>(db, &model, Lock::Take).await?;
        let mut plan = planned.map(|(plan, _)| plan).unwrap_or_default();
        if !plan.is_empty() {
            row::check_transaction(db).await?;
        }
        link::put_aside::<Entity<A>, C>(db, &model, &mut plan).await?;
        Passing::Planned(plan)
    } else {
        let claim = pool::before_delete::<Entity<A>, C>(db, &model).await?;
        claim.map_or_else(|| Passing::Planned(Plan::default()), Passing::Claimed)
    };
    pass::<Entity<A>>(&mut model, passing);
    Ok(model)
}

/// What [`ActiveModelBehavior::after_delete`](sea_orm::ActiveModelBehavior::after_delete) does for a followed model.
///
/// # Errors
/// As [`before_save`].
pub async fn after_delete<A, C>(model: A, db: &C) -> Result<A, DbErr>
where
    A: ActiveModelTrait<Entity: Follow<ActiveModel = A>>,
    C: ConnectionTrait,
{
    let mut model = model;
    let Some(passing) = take_passing::<Entity<A>>(&mut model) else {
        if row::is_transaction::<C>() {
            link::deleted::<Entity<A>, C>(db, &mut model).await?;
        }
        return Ok(model);
    };
    match &*passing {
        Passing::Followed => {}
        Passing::Planned(plan) => {
            transaction::after_delete::<Entity<A>, C>(db, &model, plan).await?;
        }
        Passing::Claimed(claim) => {
            let told = pool::after_delete::<Entity<A>, C>(db, &model, claim).await;
            // The row is gone and the events are safe with the intent.
            if let Err(error) = told {
                tracing::error!(
                    model = Entity::<A>::NAME, %error,
                    "the events of a deleted row wait to be moved to the outbox by `recover`"
                );
            }
        }
    }
    Ok(model)
}

/// Checks the rules of a new row. A note that came with rules copied from another row is not this row's.
pub(crate) fn check_attached<E: Follow>(model: &mut E::ActiveModel) -> Result<(), DbErr> {
    let rules = match rules_in::<E>(model) {
        Some(rules) => {
            rules.set_note(None);
            attach::check::<E>(rules)?;
            (**rules).clone()
        }
        None => CoreRules::new(),
    };
    plan::check_chain::<E>(model, &rules)
}

/// Whether something looks at the insert of this row.
fn follows_insert<E: Follow>(model: &mut E::ActiveModel) -> bool {
    match rules_in::<E>(model) {
        Some(rules) => plan::follows::<E>(rules, Operation::Insert),
        None => plan::follows::<E>(&CoreRules::new(), Operation::Insert),
    }
}

/// Whether a `*_and_follow` method runs this save. Told once: what the user's own hook saves afterwards with
/// this model is a save of its own.
fn is_followed<E: Follow>(model: &mut E::ActiveModel) -> bool {
    let rules = rules_in::<E>(model);
    let passing = rules.and_then(|rules| rules.take_passing_if(|p| matches!(p, Passing::Followed)));
    passing.is_some()
}

/// Lets something ride on a model's rules. Rules that are not set become unchanged ones, which no update or
/// delete writes.
pub(crate) fn pass<E: Follow>(model: &mut E::ActiveModel, passing: Passing) {
    let rules = E::active_rules_mut(model);
    if matches!(rules, ActiveValue::NotSet) {
        *rules = ActiveValue::Unchanged(Rules::new());
    }
    if let Some(rules) = rules_in::<E>(model) {
        rules.pass(passing);
    }
}

pub(crate) fn take_passing<E: Follow>(model: &mut E::ActiveModel) -> Option<Arc<Passing>> {
    rules_in::<E>(model)?.take_passing()
}

fn rules_in<E: Follow>(model: &mut E::ActiveModel) -> Option<&mut Rules> {
    match E::active_rules_mut(model) {
        ActiveValue::Set(rules) | ActiveValue::Unchanged(rules) => Some(rules),
        ActiveValue::NotSet => None,
    }
}
