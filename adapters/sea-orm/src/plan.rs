//! What a save does beside writing its columns: found by evaluating rules, before anything is written.

use celerysalt::follow::{self, Save};
pub(crate) use celerysalt::follow::{Moment, Plan};
use celerysalt::model::{Operation, Row};
use celerysalt::rules::Rules as CoreRules;
use sea_orm::{ActiveValue, DbErr};

use crate::entity::Follow;
use crate::error::FollowError;
use crate::key::Key;

/// The rules that the caller sets, if any: written by `Set`, or edited in place after loading.
pub(crate) fn callers_rules<E: Follow>(model: &mut E::ActiveModel) -> Option<CoreRules> {
    match E::active_rules_mut(model) {
        ActiveValue::Set(rules) => Some((**rules).clone()),
        ActiveValue::Unchanged(rules) if rules.is_modified() => Some((**rules).clone()),
        _ => None,
    }
}

/// Whether a rule, or the history, looks at an operation on a row with these rules.
pub(crate) fn follows<E: Follow>(rules: &CoreRules, operation: Operation) -> bool {
    follow::looks_at(&E::followed().def, rules, operation)
}

/// Plans an update of a row that is locked, or will be guarded. What earlier saves without a transaction have left in
/// the row is taken over.
pub(crate) fn update<E: Follow>(
    old: &E::Model,
    model: &mut E::ActiveModel,
    moment: &Moment,
) -> Result<Plan, DbErr> {
    let callers = callers_rules::<E>(model);
    if is_quiet::<E>(old, callers.as_ref()) {
        return Ok(Plan::default());
    }
    let followed = E::followed();
    let new = followed.written(&followed.row(old), model);
    changed::<E>(old, &new, callers.as_ref(), moment)
}

/// Plans an update of a locked row, by what it becomes.
pub(crate) fn changed<E: Follow>(
    old: &E::Model,
    new: &Row,
    callers: Option<&CoreRules>,
    moment: &Moment,
) -> Result<Plan, DbErr> {
    if is_quiet::<E>(old, callers) {
        return Ok(Plan::default());
    }
    let stored: &CoreRules = E::rules(old);
    let row = Stored::of::<E>(old);
    let save = Save {
        new,
        callers,
        ..row.save::<E>(Operation::Update, stored)
    };
    Ok(follow::plan(&save, moment).map_err(FollowError::from)?)
}

/// Whether nothing looks at an update of a row: worth knowing before values are converted.
pub(crate) fn is_quiet<E: Follow>(old: &E::Model, callers: Option<&CoreRules>) -> bool {
    let stored: &CoreRules = E::rules(old);
    let has_none = stored.is_empty() && stored.note().is_none() && callers.is_none();
    has_none && !follow::stands_outside(&E::followed().def)
}

/// Refuses an insert whose on-insert rules would fire too deep in a chain, before anything is written. What
/// the database will make of the row is not known here, so this is a look ahead and not the evaluation.
pub(crate) fn check_chain<E: Follow>(
    model: &E::ActiveModel,
    rules: &CoreRules,
) -> Result<(), DbErr> {
    let moment = Moment::current();
    if !moment.is_too_deep() || !follows::<E>(rules, Operation::Insert) {
        return Ok(());
    }
    let followed = E::followed();
    let ahead = Stored {
        values: followed.written(&followed.unwritten(), model),
        aggregate: String::new(),
    };
    ahead.inserted::<E>(rules, &moment).map(drop)
}

/// Plans what follows an insert: `model` is the row as the database holds it. Its rules were checked before.
pub(crate) fn insert<E: Follow>(model: &E::Model, moment: &Moment) -> Result<Plan, DbErr> {
    Stored::of::<E>(model).inserted::<E>(E::rules(model), moment)
}

/// Plans a delete of a row that is locked, or will be claimed.
pub(crate) fn delete<E: Follow>(old: &E::Model, moment: &Moment) -> Result<Plan, DbErr> {
    let row = Stored::of::<E>(old);
    let save = row.save::<E>(Operation::Delete, E::rules(old));
    Ok(follow::plan(&save, moment).map_err(FollowError::from)?)
}

/// Plans the delete of a row that is gone, by an active model that holds it; `None` when it holds only a part.
pub(crate) fn deleted<E: Follow>(
    model: &mut E::ActiveModel,
    moment: &Moment,
) -> Result<Option<Plan>, DbErr> {
    let (ActiveValue::Set(rules) | ActiveValue::Unchanged(rules)) = E::active_rules_mut(model)
    else {
        return Ok(None);
    };
    let rules = CoreRules::clone(rules);
    let (Some(values), Some(key)) = (E::followed().held(model), Key::<E>::of_active(model)) else {
        return Ok(None);
    };
    let row = Stored {
        values,
        aggregate: key.aggregate(),
    };
    let save = row.save::<E>(Operation::Delete, &rules);
    let plan = follow::plan(&save, moment).map_err(FollowError::from)?;
    Ok(Some(plan))
}

/// Plans what earlier saves without a transaction have left to be done for a row.
pub(crate) fn settle<E: Follow>(old: &E::Model, moment: &Moment) -> Result<Plan, DbErr> {
    Stored::of::<E>(old).settle::<E>(E::rules(old), moment)
}

/// A row as the database holds it.
struct Stored {
    values: Row,
    aggregate: String,
}

impl Stored {
    fn of<E: Follow>(model: &E::Model) -> Self {
        Self {
            values: E::followed().row(model),
            aggregate: Key::<E>::of_model(model).aggregate(),
        }
    }

    fn save<'a, E: Follow>(&'a self, operation: Operation, stored: &'a CoreRules) -> Save<'a> {
        Save {
            model: &E::followed().def,
            operation,
            old: (operation != Operation::Insert).then_some(&self.values),
            new: &self.values,
            aggregate: &self.aggregate,
            stored,
            callers: None,
        }
    }

    fn inserted<E: Follow>(&self, rules: &CoreRules, moment: &Moment) -> Result<Plan, DbErr> {
        let save = self.save::<E>(Operation::Insert, rules);
        Ok(follow::plan(&save, moment).map_err(FollowError::from)?)
    }

    fn settle<E: Follow>(&self, rules: &CoreRules, moment: &Moment) -> Result<Plan, DbErr> {
        let save = self.save::<E>(Operation::Update, rules);
        Ok(follow::settle(&save, moment).map_err(FollowError::from)?)
    }
}
