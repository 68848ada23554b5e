//! How a save is planned: its own change, and what earlier saves have left to be done.

use super::note::{self, Claim, Left, Note, UnreadableNote};
use super::{FollowError, Moment, Plan, Save, linked_events};
use crate::history::{self, Transition};
use crate::model::{Change, Operation};
use crate::rule_table;
use crate::rules::{self, Env, Evaluation, RuleSets, Rules};

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
            // Another is deleting the row as well: it finds it gone, and told as it was in the end.
            self.plan.claims.push(claim.told(self.moment.now));
        }
        self.evaluate(Operation::Delete, self.moment)
    }

    /// Another is deleting the row: its delete is to tell what this update makes of it.
    pub(super) fn reclaim(&mut self) -> Result<(), FollowError> {
        let error = |error| note_error(self.save, error);
        let mut note = Note::of(&self.rules).map_err(error)?;
        let Some(claim) = note.claim.take() else {
            return Ok(());
        };
        if !self.changes() {
            return Ok(());
        }
        let claim = self.reclaimed(&claim);
        note.claim = Some(claim.clone());
        note.put(&mut self.rules).map_err(error)?;
        self.plan.claims.push(claim);
        Ok(())
    }

    /// Whether the update makes anything else of row or rules.
    fn changes(&self) -> bool {
        self.is_spent || self.rules.is_modified() || self.save.old != Some(self.save.new)
    }

    fn reclaimed(&self, claim: &Claim) -> Claim {
        let moment = claim.moment(self.moment.now);
        let change = Change {
            operation: Operation::Delete,
            old: Some(self.save.new),
            new: self.save.new,
            aggregate: self.save.aggregate,
        };
        let mut plan = Plan::default();
        match self.evaluated(&change, &moment) {
            Ok((evaluation, transitions)) => {
                plan.events = evaluation.events;
                plan.transitions = transitions;
            }
            // The deleter's chain is too deep, and it has gone past where it would be refused.
            Err(error) => self.report(&error, "on-delete rules are not followed"),
        }
        claim.again(&plan, &moment)
    }

    fn report(&self, error: &FollowError, what: &'static str) {
        let (model, row) = (self.save.model.name(), self.save.aggregate);
        tracing::error!(model, row, %error, "{what}");
    }

    /// Does what the note leaves to be done, and takes it out; a claim to delete that stands stays in it.
    pub(super) fn settle(&mut self) -> Result<Option<Claim>, FollowError> {
        let error = |error| note_error(self.save, error);
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
                    now: save.at.unwrap_or(self.moment.now),
                    chain,
                    actor: save.actor,
                };
                if let Err(error) = self.evaluate(Operation::Insert, &moment) {
                    // The insert is long committed; its chain was too deep, and no later save is to fail for it.
                    self.report(&error, "on-insert rules are not followed");
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
        let (evaluation, transitions) = self.evaluated(&change, moment)?;
        self.plan.transitions.extend(transitions);
        for spent in &evaluation.spent {
            self.rules.remove(spent);
            self.is_spent = true;
        }
        self.plan.events.extend(evaluation.events);
        Ok(())
    }

    /// What fires on a change, and its history.
    fn evaluated(
        &self,
        change: &Change<'_>,
        moment: &Moment,
    ) -> Result<(Evaluation, Vec<Transition>), FollowError> {
        let model = self.save.model;
        let table = rule_table::rules_of(model);
        let sets = RuleSets {
            row: &self.rules,
            others: &table.as_deref().into_iter().collect::<Vec<_>>(),
        };
        let env = Env {
            now: moment.now,
            chain: &moment.chain,
            schemas: linked_events(),
        };
        let evaluated = rules::evaluate(model, change, &sets, &env);
        let evaluation = evaluated.map_err(|error| FollowError::Evaluate {
            model: model.name().to_owned(),
            error,
        })?;
        let transitions = history::transitions(model, change, &evaluation, moment);
        Ok((evaluation, transitions))
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
            Operation::Update => {
                let edited = (self.is_spent || callers.is_some()) && self.rules.is_modified();
                edited || self.rules.note() != stored.note()
            }
            Operation::Delete => false,
        };
        Plan {
            rules: differs.then_some(self.rules),
            ..self.plan
        }
    }
}

fn note_error(save: &Save<'_>, error: UnreadableNote) -> FollowError {
    FollowError::Note {
        model: save.model.name().to_owned(),
        error,
    }
}
