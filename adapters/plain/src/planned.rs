//! What a save or a delete is going to do, found before anything is persisted.

use celerysalt::event::Envelope;
use celerysalt::follow::{self, FollowError, Moment, Save};
use celerysalt::model::Operation;
use celerysalt::rules::Rules;

use crate::model::Follow;

/// A row as it is to be persisted, and the events that come with it.
pub(crate) struct Planned<T> {
    pub(crate) row: T,
    pub(crate) events: Vec<Envelope>,
}

/// A row that is not in the store.
pub(crate) fn insert<T: Follow>(value: &T) -> Result<Planned<T>, FollowError> {
    let plan = follow::plan(
        &Save {
            model: T::definition(),
            operation: Operation::Insert,
            old: None,
            new: &value.row(),
            aggregate: &value.aggregate(),
            stored: &Rules::new(),
            callers: Some(value.rules()),
        },
        &Moment::current(),
    )?;
    let rules = plan.rules.unwrap_or_else(|| value.rules().clone());
    Ok(Planned::new(value, rules, plan.events))
}

/// A row whose stored state is `old`.
pub(crate) fn update<T: Follow>(old: &T, value: &T) -> Result<Planned<T>, FollowError> {
    // Rules that were put in as a whole are a change of the stored ones.
    let callers = value.rules().clone().since(old.rules());
    let plan = follow::plan(
        &Save {
            model: T::definition(),
            operation: Operation::Update,
            old: Some(&old.row()),
            new: &value.row(),
            aggregate: &old.aggregate(),
            stored: old.rules(),
            callers: Some(&callers),
        },
        &Moment::current(),
    )?;
    let rules = plan.rules.unwrap_or_else(|| old.rules().clone());
    Ok(Planned::new(value, rules, plan.events))
}

/// The end of a row whose stored state is `old`.
pub(crate) fn delete<T: Follow>(old: &T) -> Result<Vec<Envelope>, FollowError> {
    let row = old.row();
    let plan = follow::plan(
        &Save {
            model: T::definition(),
            operation: Operation::Delete,
            old: Some(&row),
            new: &row,
            aggregate: &old.aggregate(),
            stored: old.rules(),
            callers: None,
        },
        &Moment::current(),
    )?;
    Ok(plan.events)
}

impl<T: Follow> Planned<T> {
    fn new(value: &T, rules: Rules, events: Vec<Envelope>) -> Self {
        let mut row = value.clone();
        *row.rules_mut() = rules.rebased();
        Self { row, events }
    }
}
