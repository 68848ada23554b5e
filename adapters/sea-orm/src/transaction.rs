//! Saves inside a transaction: the row is read under a lock, and events are kept in the same transaction
//! after the row was written. Nothing here begins or ends the transaction.

use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{ActiveValue, ConnectionTrait, DbErr, DeleteResult, QueryFilter};

use crate::entity::Follow;
use crate::key::Key;
use crate::plan::{self, Moment, Plan};
use crate::row::{self, Lock};
use crate::tables;

/// Whether events were kept.
pub(crate) type Fired = bool;

/// Plans an update, in the moment in which the row is locked: one that is taken before may lie long before what the
/// row has become meanwhile.
///
/// # Errors
/// `RecordNotUpdated` when the row is not there.
pub(crate) async fn plan_update<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &mut E::ActiveModel,
    lock: Lock,
) -> Result<(Plan, Moment), DbErr> {
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok((Plan::default(), Moment::current()));
    };
    let select = E::find().filter(key.condition());
    let old = row::locked::<E, C>(db, select, LockType::NoKeyUpdate, lock).await?;
    let moment = Moment::current();
    let plan = match old {
        Some(old) => plan::update::<E>(&old, model, &moment)?,
        None => row::missing::<E>(model.clone()).map(|()| Plan::default())?,
    };
    Ok((plan, moment))
}

/// Puts the planned rules into the model, so that its own statement writes them; rules that the caller set
/// and that change nothing are not written.
pub(crate) fn write_rules<E: Follow>(model: &mut E::ActiveModel, plan: &mut Plan) {
    let column = E::active_rules_mut(model);
    match plan.rules.take() {
        Some(rules) => *column = ActiveValue::Set(rules.into()),
        None => crate::__private::settle(column),
    }
}

/// Keeps what a plan fires, tells other deleters of the row what is left for them, and ends its intents.
pub(crate) async fn keep<C: ConnectionTrait>(
    db: &C,
    plan: &Plan,
    moment: &Moment,
) -> Result<(), DbErr> {
    tables::keep(db, &plan.events, &plan.transitions, moment.now).await?;
    for claim in &plan.claims {
        tables::tell(db, claim).await?;
    }
    tables::delete_intents(db, &plan.intents).await
}

/// The hook before an update: lets SeaORM's own statement run when nothing fires, else writes the row here,
/// keeps the events after it, and leaves SeaORM nothing to write.
pub(crate) async fn before_update<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::ActiveModel,
) -> Result<E::ActiveModel, DbErr> {
    let (mut plan, moment) = plan_update::<E, C>(db, &mut model, Lock::Take).await?;
    write_rules::<E>(&mut model, &mut plan);
    if plan.is_empty() {
        return Ok(model);
    }
    row::check_transaction(db).await?;
    row::write::<E, C>(db, model.clone()).await?;
    keep(db, &plan, &moment).await?;
    E::settle(&mut model);
    Ok(model)
}

/// What follows an insert: events are kept, spent rules removed from the row and from the model.
pub(crate) async fn after_insert<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::Model,
) -> Result<(E::Model, Fired), DbErr> {
    let moment = Moment::current();
    let mut plan = plan::insert::<E>(&model, &moment)?;
    let rules = plan.rules.take();
    keep(db, &plan, &moment).await?;
    if let Some(rules) = rules {
        write_spent::<E, C>(db, &model, &rules).await?;
        *E::rules_mut(&mut model) = rules.rebased().into();
    }
    Ok((model, !plan.events.is_empty()))
}

async fn write_spent<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::Model,
    rules: &celerysalt::rules::Rules,
) -> Result<(), DbErr> {
    use sea_orm::IntoActiveModel;
    let mut active = model.clone().into_active_model();
    *E::active_rules_mut(&mut active) = ActiveValue::Set(rules.clone().into());
    row::write::<E, C>(db, active).await
}

/// Plans a delete, in the moment in which the row is locked; it stays so. `None` when it is not there.
pub(crate) async fn plan_delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
    lock: Lock,
) -> Result<Option<(Plan, Moment)>, DbErr> {
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok(Some((Plan::default(), Moment::current()))); // SeaORM refuses it.
    };
    let select = E::find().filter(key.condition());
    let Some(old) = row::locked::<E, C>(db, select, LockType::Update, lock).await? else {
        return Ok(None);
    };
    let moment = Moment::current();
    Ok(Some((plan::delete::<E>(&old, &moment)?, moment)))
}

/// What follows a plain delete: events are kept, unless the row is still there (a trigger may have refused silently).
pub(crate) async fn after_delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
    plan: &Plan,
) -> Result<(), DbErr> {
    match Key::<E>::of_active(model) {
        Some(key) if !plan.is_empty() && row::is_gone::<E, C>(db, &key).await? => {
            keep(db, plan, &Moment::current()).await
        }
        _ => Ok(()),
    }
}

/// Deletes a row and keeps the events when one was deleted.
pub(crate) async fn delete<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: E::ActiveModel,
    lock: Lock,
) -> Result<(DeleteResult, Fired), DbErr> {
    let Some((plan, moment)) = plan_delete::<E, C>(db, &model, lock).await? else {
        // Deletes nothing, not even a row that another makes meanwhile; only SeaORM can make its result.
        let nothing = E::delete_many().filter(Expr::val(1).eq(0));
        return Ok((nothing.exec(db).await?, false));
    };
    let deleted = E::delete(model).exec(db).await?;
    let gone = deleted.rows_affected > 0;
    if gone {
        keep(db, &plan, &moment).await?;
    }
    Ok((deleted, gone && !plan.events.is_empty()))
}
