//! Rows that link two models (many to many): a nested save of SeaORM inserts and deletes them with hooks, but hands
//! nothing on from the hook before to the hook after. All of it happens in the transaction of the nested save.

use std::hash::{DefaultHasher, Hash, Hasher};

use celerysalt::follow::note::{Note, Save};
use celerysalt::model::Operation;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveValue, ConnectionTrait, DbBackend, DbErr};
use uuid::Uuid;

use crate::entity::Follow;
use crate::key::Key;
use crate::plan::{self, Moment, Plan};
use crate::tables::{self, Intent};
use crate::{note, transaction};

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
    may_be_link::<E, C>(db) && plan::follows::<E>(rules, Operation::Insert)
}

/// Whether a row may be a link of which MySQL tells less than the others: it returns nothing.
fn may_be_link<E: Follow, C: ConnectionTrait>(db: &C) -> bool {
    db.get_database_backend() == DbBackend::MySql && E::followed().keys.len() > 1
}

/// Before a delete: on MySQL the hook after it is given a link as SeaORM once read it, so what was planned for the row
/// that is locked now is put aside for it. A row that is deleted alone keeps its plan, and ends what is put aside.
pub(crate) async fn put_aside<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &E::ActiveModel,
    plan: &mut Plan,
) -> Result<(), DbErr> {
    if plan.is_empty() || !may_be_link::<E, C>(db) {
        return Ok(());
    }
    let Some(key) = Key::<E>::of_active(model) else {
        return Ok(());
    };
    let intent = Intent {
        id: id_of(&key),
        model: E::NAME.to_owned(),
        row_key: None,
        operation: "delete",
        kept: None,
        created_at: Moment::current().now,
    };
    let id = intent.id;
    tables::put_aside(db, intent, plan).await?;
    plan.intents.push(id);
    Ok(())
}

/// After a delete that handed nothing on: the row was locked by the hook before, and is given as it was deleted, but on
/// MySQL.
pub(crate) async fn deleted<E: Follow, C: ConnectionTrait>(
    db: &C,
    model: &mut E::ActiveModel,
) -> Result<(), DbErr> {
    let plan = match Key::<E>::of_active(model) {
        Some(key) if may_be_link::<E, C>(db) => tables::take_aside(db, id_of(&key)).await?,
        _ => plan::deleted::<E>(model, &Moment::current())?,
    };
    match plan {
        Some(plan) => transaction::after_delete::<E, C>(db, model, &plan).await,
        None => Ok(()),
    }
}

/// The same for the same row in this process, and no id of anything else.
fn id_of<E: Follow>(key: &Key<E>) -> Uuid {
    let half = |which: u8| {
        let mut hasher = DefaultHasher::new();
        (which, key.aggregate()).hash(&mut hasher);
        hasher.finish()
    };
    let bytes = Uuid::from_u64_pair(half(0), half(1)).into_bytes();
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
