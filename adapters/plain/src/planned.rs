//! What a save or a delete is going to do, found before anything is persisted.

use celerysalt::follow::{self, FollowError, Moment, Plan, Save};
use celerysalt::model::Operation;
use celerysalt::rules::Rules;

use crate::fired::Fired;
use crate::model::Follow;

/// A row as it is to be persisted, and what comes with it.
pub(crate) struct Planned<T> {
    pub(crate) row: T,
    pub(crate) fired: Fired,
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
    Ok(Planned::of(plan, value, value.rules()))
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
    Ok(Planned::of(plan, value, old.rules()))
}

/// The end of a row whose stored state is `old`.
pub(crate) fn delete<T: Follow>(old: &T) -> Result<Fired, FollowError> {
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
    Ok(fired(plan))
}

impl<T: Follow> Planned<T> {
    /// The value with the rules that the plan gives it, else with those that stand.
    fn of(mut plan: Plan, value: &T, standing: &Rules) -> Self {
        let rules = plan.rules.take().unwrap_or_else(|| standing.clone());
        let mut row = value.clone();
        *row.rules_mut() = rules.rebased();
        let fired = fired(plan);
        Self { row, fired }
    }
}

fn fired(plan: Plan) -> Fired {
    Fired {
        events: plan.events,
        transitions: plan.transitions,
    }
}
