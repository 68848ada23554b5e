//! How a save is planned: its own change, and what earlier saves have left to be done.

use super::note::{self, Claim, Left, Note};
use super::{FollowError, Moment, Plan, Save, linked_events};
use crate::history;
use crate::model::{Change, Operation};
use crate::rule_table;
use crate::rules::{self, Env, RuleSets, Rules};

/// A plan under way.
pub(super) struct Planning<'a> {
    save: &'a Save<'a>,
    moment: &'a Moment,
    rules: Rules,
    is_spent: bool,
    plan: Plan,
}

impl<'a> Planning<'a> {
    pub(super) fn of(save: &'a Save<'a>, moment: &'a Moment, rules: Rules) -> Self {
        Self {
            save,
            moment,
            rules,
            is_spent: false,
            plan: Plan::default(),
        }
    }

    /// The row takes its note away: what is still to be done for it is done here.
    pub(super) fn delete(&mut self) -> Result<(), FollowError> {
        if let Some(claim) = self.settle()? {
            // Another is deleting the row: whoever does it, the claim's events fire.
            self.plan.intents.push(claim.id);
            self.plan.events.extend(claim.events);
            self.plan.transitions.extend(claim.transitions);
            return Ok(());
        }
        self.evaluate(Operation::Delete, self.moment)
    }

    /// Does what the note leaves to be done, and takes it out; a claim to delete that stands stays in it.
    pub(super) fn settle(&mut self) -> Result<Option<Claim>, FollowError> {
        let error = |error| FollowError::Note {
            model: self.save.model.name().to_owned(),
            error,
        };
        let mut note = Note::of(&self.rules).map_err(error)?;
        let left = note.save.take();
        let abandoned = note.claim.take_if(|claim| !claim.stands(self.moment.now));
        note.put(&mut self.rules).map_err(error)?;
        if let Some(save) = left {
            self.settle_save(save);
        }
        self.plan.intents.extend(abandoned.map(|claim| claim.id));
        Ok(note.claim)
    }

    fn settle_save(&mut self, save: note::Save) {
        self.plan.intents.push(save.id);
        self.plan.transitions.extend(save.transitions);
        match save.left {
            Left::Events(events) => self.plan.events.extend(events),
            Left::Inserted(chain) => {
                let moment = Moment {
                    now: self.moment.now,
                    chain,
                    actor: save.actor,
                };
                if let Err(error) = self.evaluate(Operation::Insert, &moment) {
                    // The insert is long committed; its chain was too deep, and no later save is to fail for it.
                    let (model, row) = (self.save.model.name(), self.save.aggregate);
                    tracing::error!(model, row, %error, "on-insert rules are not followed");
                }
            }
        }
    }

    /// What an update does. One that edits the rules and changes nothing else fires nothing, `level` rules neither.
    pub(super) fn update(&mut self) -> Result<(), FollowError> {
        let Save {
            model, old, new, ..
        } = *self.save;
        let edits = self.save.callers.is_some() && self.rules.is_modified();
        if edits && old.is_some_and(|old| !rules::any_differs(model, old, new)) {
            return Ok(());
        }
        self.evaluate(Operation::Update, self.moment)
    }

    /// Evaluates what this save does; or the insert of a row that an earlier save has left to do.
    pub(super) fn evaluate(
        &mut self,
        operation: Operation,
        moment: &Moment,
    ) -> Result<(), FollowError> {
        let save = self.save;
        let (old, new) = match (operation, save.old) {
            (Operation::Insert, Some(inserted)) => (None, inserted),
            (Operation::Insert, None) => (None, save.new),
            (_, old) => (old, save.new),
        };
        let change = Change {
            operation,
            old,
            new,
            aggregate: save.aggregate,
        };
        let table = rule_table::rules_of(save.model);
        let sets = RuleSets {
            row: &self.rules,
            others: &table.as_deref().into_iter().collect::<Vec<_>>(),
        };
        let env = Env {
            now: moment.now,
            chain: &moment.chain,
            schemas: linked_events(),
        };
        let evaluated = rules::evaluate(save.model, &change, &sets, &env);
        let evaluation = evaluated.map_err(|error| FollowError::Evaluate {
            model: save.model.name().to_owned(),
            error,
        })?;
        let transitions = history::transitions(save.model, &change, &evaluation, moment);
        self.plan.transitions.extend(transitions);
        for spent in &evaluation.spent {
            self.rules.remove(spent);
            self.is_spent = true;
        }
        self.plan.events.extend(evaluation.events);
        Ok(())
    }

    /// The plan of what was settled alone.
    pub(super) fn settled(self) -> Plan {
        let differs = self.is_spent || self.rules.note() != self.save.stored.note();
        Plan {
            rules: differs.then_some(self.rules),
            ..self.plan
        }
    }

    /// The plan of the save.
    pub(super) fn finish(self) -> Plan {
        let Save {
            stored, callers, ..
        } = *self.save;
        let differs = match self.save.operation {
            Operation::Insert => self.is_spent || callers.unwrap_or(stored).note().is_some(),
            Operation::Update => (self.is_spent || callers.is_some()) && self.rules.is_modified(),
            Operation::Delete => false,
        };
        Plan {
            rules: differs.then_some(self.rules),
            ..self.plan
        }
    }
}
