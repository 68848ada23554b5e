//! The hooks of a plain `insert`, `update`, `save` or `delete`.
//!
//! The derive calls them from its `ActiveModelBehavior`; with `#[follow(hooks = "manual")]` you call them from
//! yours: `before_save` and `before_delete` last, `after_save` and `after_delete` first.

use std::any::TypeId;
use std::sync::Arc;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
};

use crate::column::Rules;
use crate::entity::Follow;
use crate::passing::Passing;
use crate::{plan, pool, transaction};

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
    match (insert, is_transaction::<C>()) {
        (false, true) => transaction::before_update::<Entity<A>, C>(db, model).await,
        (false, false) => pool::before_update::<Entity<A>, C>(db, model).await,
        (true, true) => {
            check_attached::<Entity<A>>(&mut model)?;
            Ok(model)
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
    let passing = Entity::<A>::rules(&model).passing();
    if !insert || passing.is_some_and(|passing| matches!(**passing, Passing::Followed)) {
        return Ok(model);
    }
    if is_transaction::<C>() {
        transaction::after_insert::<Entity<A>, C>(db, model).await
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
    let deleting = if is_transaction::<C>() {
        let moment = plan::Moment::current();
        let plan = transaction::plan_delete::<Entity<A>, C>(db, &model, &moment).await?;
        (plan.events, plan.intents)
    } else {
        pool::before_delete::<Entity<A>, C>(db, &model).await?
    };
    let (events, intents) = deleting;
    if !events.is_empty() || !intents.is_empty() {
        pass::<Entity<A>>(&mut model, Passing::Deleting { events, intents });
    }
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
        return Ok(model);
    };
    if let Passing::Deleting { events, intents } = &*passing {
        let done = pool::after_delete::<Entity<A>, C>(db, &model, events, intents).await;
        match done {
            Err(error) if is_transaction::<C>() => return Err(error),
            // The row is gone and the events are safe with the intent.
            Err(error) => tracing::error!(
                model = Entity::<A>::NAME, %error,
                "the events of a deleted row wait to be moved to the outbox by `recover`"
            ),
            Ok(()) => {}
        }
    }
    Ok(model)
}

pub(crate) fn check_attached<E: Follow>(model: &mut E::ActiveModel) -> Result<(), DbErr> {
    match plan::callers_rules::<E>(model) {
        Some(rules) => plan::check::<E>(&rules),
        None => Ok(()),
    }
}

/// A `DatabaseTransaction` is known to be a transaction; anything else may be one or not.
fn is_transaction<C: ConnectionTrait>() -> bool {
    typeid::of::<C>() == TypeId::of::<DatabaseTransaction>()
}

fn is_followed<E: Follow>(model: &mut E::ActiveModel) -> bool {
    let rules = rules_in::<E>(model);
    rules.is_some_and(|rules| {
        rules
            .passing()
            .is_some_and(|passing| matches!(**passing, Passing::Followed))
    })
}

/// Lets something ride on a model's rules. Rules that are not set become unchanged ones, which no update or
/// delete writes.
pub(crate) fn pass<E: Follow>(model: &mut E::ActiveModel, passing: Passing) {
    let rules = E::active_rules_mut(model);
    if matches!(rules, ActiveValue::NotSet) {
        *rules = ActiveValue::Unchanged(Rules::new());
    }
    if let Some(rules) = rules_in::<E>(model) {
        rules.pass(Some(Arc::new(passing)));
    }
}

pub(crate) fn take_passing<E: Follow>(model: &mut E::ActiveModel) -> Option<Arc<Passing>> {
    let rules = rules_in::<E>(model)?;
    let passing = rules.passing().cloned();
    rules.pass(None);
    passing
}

fn rules_in<E: Follow>(model: &mut E::ActiveModel) -> Option<&mut Rules> {
    match E::active_rules_mut(model) {
        ActiveValue::Set(rules) | ActiveValue::Unchanged(rules) => Some(rules),
        ActiveValue::NotSet => None,
    }
}
