//! Rows that link two models (many to many): a nested save of SeaORM inserts and deletes them with hooks, but hands
//! nothing on from the hook before to the hook after. All of it happens in the transaction of the nested save.

use celerysalt::follow::Moment;
use celerysalt::follow::note::{Note, Save};
use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use crate::entity::Follow;
use crate::{note, plan, transaction};

/// Before an insert: leaves a mark in the row, by which [`is_new`] tells it from one that was there.
pub(crate) fn mark<E: Follow, C: ConnectionTrait>(
    db: &C,
    mut model: E::ActiveModel,
) -> Result<E::ActiveModel, DbErr> {
    let rules = match E::active_rules_mut(&mut model) {
        ActiveValue::Set(rules) | ActiveValue::Unchanged(rules) => CoreRules::clone(rules),
        ActiveValue::NotSet => CoreRules::new(),
    };
    if !is_marked::<E, C>(db, &rules) {
        return Ok(model);
    }
    let mut marked = rules;
    let save = Save::inserted(Uuid::nil(), Moment::current());
    let mark = Note {
        save: Some(save),
        claim: None,
    };
    note::put(&mark, &mut marked)?;
    *E::active_rules_mut(&mut model) = ActiveValue::Set(marked.into());
    Ok(model)
}

/// After an insert: whether there was one.
pub(crate) fn is_new<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::Model,
) -> Result<bool, DbErr> {
    let rules: &CoreRules = E::rules(model);
    if !is_marked::<E, C>(db, rules) {
        return Ok(true);
    }
    let save = note::of(rules)?.save;
    Ok(save.is_some_and(|save| save.id.is_nil()))
}

/// SeaORM inserts links with `ON CONFLICT DO NOTHING` where both keys are the primary key, and on MySQL takes one that
/// was there for a new one.
fn is_marked<E: Follow, C: ConnectionTrait>(db: &C, rules: &CoreRules) -> bool {
    db.get_database_backend() == DbBackend::MySql
        && E::followed().keys.len() > 1
        && plan::follows::<E>(rules, Operation::Insert)
}

/// After a delete that handed nothing on: the row was locked by the hook before, and is given as it was deleted.
pub(crate) async fn deleted<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &mut E::ActiveModel,
) -> Result<(), DbErr> {
    let moment = Moment::current();
    let Some(plan) = plan::deleted::<E>(model, &moment)? else {
        return Ok(());
    };
    transaction::after_delete::<E, C>(db, model, &plan).await
}
