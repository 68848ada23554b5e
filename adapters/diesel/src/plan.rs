//! What a save does beside writing its columns.

use celerysalt::follow::{self, FollowError, Moment, Plan, Save};
use celerysalt::model::{ModelDef, Operation, Row};
use celerysalt::rules::Rules as CoreRules;
use celerysalt::value::Value;

use crate::column::Rules;
use crate::model::{Changes, Follow};

/// An update of a row that is locked.
///
/// What the row will be is told before it is written, so that one statement changes the columns and the rules. What
/// the database made of it (a default, a trigger, an expression) is seen afterwards, and decides.
pub(crate) struct Update<M> {
    old: M,
    before: Row,
    callers: Option<CoreRules>,
    expected: Row,
    plan: Plan,
    pub(crate) moment: Moment,
}

impl<M: Follow> Update<M> {
    /// Plans, and puts the rules into the changes; what they have no place for is given back.
    pub(crate) fn plan<Ch: Changes<Model = M>>(
        old: M,
        changes: &mut Ch,
    ) -> Result<(Self, Option<Rules>), FollowError> {
        let before = old.row();
        let mut update = Self {
            callers: changes.callers_rules().map(|rules| (**rules).clone()),
            expected: changes.written(&before),
            plan: Plan::default(),
            moment: Moment::current(),
            before,
            old,
        };
        update.plan = update.planned(&update.expected)?;
        let rest = changes.place_rules(update.plan.rules.clone(), update.old.rules());
        Ok((update, rest))
    }

    /// Plans anew when the database made something else of the row; the plan's rules are those that the column is still
    /// to be given.
    pub(crate) fn settle(mut self, new: &M) -> Result<(Plan, Moment), FollowError> {
        let after = new.row();
        if !is_same(M::definition(), &after, &self.expected) {
            self.plan = self.planned(&after)?;
        }
        let held: &CoreRules = new.rules();
        let wanted = self.plan.rules.take();
        let wanted = wanted.unwrap_or_else(|| (**self.old.rules()).clone());
        let holds = *held == wanted && held.note() == wanted.note();
        self.plan.rules = (!holds).then_some(wanted);
        Ok((self.plan, self.moment))
    }

    fn planned(&self, new: &Row) -> Result<Plan, FollowError> {
        let save = Save {
            model: M::definition(),
            operation: Operation::Update,
            old: Some(&self.before),
            new,
            aggregate: &self.old.aggregate(),
            stored: self.old.rules(),
            callers: self.callers.as_ref(),
        };
        follow::plan(&save, &self.moment)
    }
}

/// What follows an insert: `new` is the row as the database holds it.
pub(crate) fn insert<M: Follow>(new: &M, moment: &Moment) -> Result<Plan, FollowError> {
    let save = Save {
        model: M::definition(),
        operation: Operation::Insert,
        old: None,
        new: &new.row(),
        aggregate: &new.aggregate(),
        stored: &CoreRules::new(),
        callers: Some(new.rules()),
    };
    follow::plan(&save, moment)
}

/// What comes with a change that the database has made of a row that was locked.
pub(crate) fn changed<M: Follow>(old: &M, new: &M, moment: &Moment) -> Result<Plan, FollowError> {
    let save = Save {
        model: M::definition(),
        operation: Operation::Update,
        old: Some(&old.row()),
        new: &new.row(),
        aggregate: &old.aggregate(),
        stored: old.rules(),
        callers: None,
    };
    follow::plan(&save, moment)
}

/// What comes with a delete of a row that is locked.
pub(crate) fn delete<M: Follow>(old: &M, moment: &Moment) -> Result<Plan, FollowError> {
    let row = old.row();
    let save = Save {
        model: M::definition(),
        operation: Operation::Delete,
        old: Some(&row),
        new: &row,
        aggregate: &old.aggregate(),
        stored: old.rules(),
        callers: None,
    };
    follow::plan(&save, moment)
}

/// Whether two rows would read the same, also in an event's data.
fn is_same(model: &ModelDef, left: &Row, right: &Row) -> bool {
    (0..model.fields().len()).all(|at| match (left.value(at), right.value(at)) {
        // Equal numbers may have different digits: 1.5 and 1.50.
        (Value::Decimal(left), Value::Decimal(right)) => {
            left.as_bigint_and_exponent() == right.as_bigint_and_exponent()
        }
        (left, right) => left == right,
    })
}
