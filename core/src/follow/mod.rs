//! What every ORM adapter does between reading the old row and writing the new one.
//!
//! An adapter reads the row under a lock, asks [`plan`] what the save does beside writing its columns, writes the
//! row with the planned rules, and then, in the same transaction, puts the planned events into the outbox and the
//! planned transitions into the history.

mod attach;
mod many;
pub mod note;
mod outside;
mod schemas;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::actor;
use crate::chain::{Chain, MAX_DEPTH};
use crate::clock;
use crate::event::Envelope;
use crate::history::{self, Transition};
use crate::model::{Change, ModelDef, Operation, Row};
use crate::rule_table;
use crate::rules::{self, Env, EvaluateError, RuleErrorKind, RuleErrors, RuleSets, Rules};

pub(crate) use attach::check_standing;
pub use attach::{check, check_code_rules, merged};
pub use many::{FollowedMany, ManyError};
pub use outside::{looks_at, stands_outside};
pub use schemas::linked_events;

use note::{Left, Note, UnreadableNote};

/// One save of one row, which is locked.
#[derive(Debug, Clone, Copy)]
pub struct Save<'a> {
    /// The model.
    pub model: &'a ModelDef,
    /// What the save does.
    pub operation: Operation,
    /// The row as the database holds it; absent on insert.
    pub old: Option<&'a Row>,
    /// The row after the save; on delete the row that goes.
    pub new: &'a Row,
    /// The row's identity, e.g. `order:0198…`; see [`Change::aggregate`].
    pub aggregate: &'a str,
    /// The rules that the database holds, read by [`Rules::loaded`]; on insert none.
    pub stored: &'a Rules,
    /// The rules that the caller sets, if it does; on insert all rules of the new row.
    pub callers: Option<&'a Rules>,
}

/// When, by whom and in which chain of events a save happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// The time of the save.
    pub now: DateTime<Utc>,
    /// The chain that the save continues.
    pub chain: Chain,
    /// Who saves, for the history.
    pub actor: Option<String>,
}

impl Moment {
    /// This one: by the ambient clock, the chain of the handler that is running here, if one is, and the ambient
    /// actor.
    pub fn current() -> Self {
        Self {
            now: clock::ambient().now(),
            chain: Chain::current(),
            actor: actor::current(),
        }
    }

    /// Whether the chain is so deep that nothing may fire any more.
    pub fn is_too_deep(&self) -> bool {
        self.chain.depth > MAX_DEPTH
    }
}

/// What comes with a save.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The events that fire: to be put into the outbox after the row was written, in the same transaction.
    pub events: Vec<Envelope>,
    /// What the history is to be given, where the model keeps one: in the same transaction as the events. Their ids are
    /// fixed, so that writing them twice can be told.
    pub transitions: Vec<Transition>,
    /// What the rules column is to hold, when that is something else than it holds now (on insert: than the
    /// caller gave).
    pub rules: Option<Rules>,
    /// Rows of `celerysalt_pending` that end with this save: on a delete, what another adapter announced for the row.
    pub intents: Vec<Uuid>,
}

impl Plan {
    /// Whether nothing is left but the caller's own columns.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.transitions.is_empty()
            && self.rules.is_none()
            && self.intents.is_empty()
    }
}

/// Why a save must not happen. Nothing has been written for it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// Rules that the save would attach are wrong.
    #[error("{model}: rules were not attached: {errors}")]
    Attach {
        /// The model.
        model: String,
        /// Each problem with rule, path and remedy.
        #[source]
        errors: RuleErrors,
    },
    /// The rules cannot be evaluated: the chain of events is too deep.
    #[error("{model}: {error}")]
    Evaluate {
        /// The model.
        model: String,
        /// Why.
        #[source]
        error: EvaluateError,
    },
    /// The model is to keep the history of something that is no field of it.
    #[error("{model}: no history can be kept of `{field}`: {reason}")]
    History {
        /// The model.
        model: String,
        /// The name that [`History`](history::History) gives.
        field: String,
        /// Why not.
        reason: Box<RuleErrorKind>,
    },
    /// A delete would take away a note that may hold events.
    #[error("{model}: {error}")]
    Note {
        /// The model.
        model: String,
        /// Why, and what to do.
        #[source]
        error: UnreadableNote,
    },
    /// A bulk save that cannot be followed.
    #[error("{model}: {error}")]
    Many {
        /// The model.
        model: String,
        /// Why, and what to do.
        #[source]
        error: ManyError,
    },
}

/// Finds what a save does beside writing its columns. It touches no database; the events of the catalog and the loaded
/// [table of rules](crate::rule_table) are all that it knows beside its arguments.
///
/// The caller's rules are checked where they were added or edited, and merged by id into the stored ones; all rules
/// (the row's, those in code, those in the table) are evaluated on the change; those of the row that fired and do not
/// persist are taken out.
///
/// The note of an adapter that stands in the stored rules is kept as it is, for that adapter to settle. A delete takes
/// the row with its note away, so there the events that the note still carries are part of the plan.
///
/// # Errors
/// See [`FollowError`].
pub fn plan(save: &Save<'_>, moment: &Moment) -> Result<Plan, FollowError> {
    let given = match save.operation {
        Operation::Insert => given_to_new(save)?,
        Operation::Update => match save.callers {
            Some(callers) => merged(save.model, save.stored, callers)?,
            None => save.stored.clone(),
        },
        Operation::Delete => save.stored.clone(),
    };
    let mut planning = Planning {
        save,
        moment,
        rules: given,
        is_spent: false,
        plan: Plan::default(),
    };
    match save.operation {
        Operation::Delete => planning.delete()?,
        operation => planning.evaluate(operation, moment)?,
    }
    Ok(planning.finish())
}

/// The rules of a new row: as the caller gives them, without what belongs to the row that they were copied from.
fn given_to_new(save: &Save<'_>) -> Result<Rules, FollowError> {
    let mut rules = save.callers.unwrap_or(save.stored).clone();
    rules.set_note(None);
    check(save.model, &rules)?;
    Ok(rules)
}

struct Planning<'a> {
    save: &'a Save<'a>,
    moment: &'a Moment,
    rules: Rules,
    is_spent: bool,
    plan: Plan,
}

impl Planning<'_> {
    /// The row takes its note away: what is still to be done for it is done here.
    fn delete(&mut self) -> Result<(), FollowError> {
        let note = Note::of(self.save.stored).map_err(|error| FollowError::Note {
            model: self.save.model.name().to_owned(),
            error,
        })?;
        let Note { save, claim } = note;
        if let Some(save) = save {
            self.settle(save);
        }
        if let Some(claim) = claim {
            self.plan.intents.push(claim.id);
            if claim.stands(self.moment.now) {
                // Another is deleting the row: whoever does it, the claim's events fire.
                self.plan.events.extend(claim.events);
                self.plan.transitions.extend(claim.transitions);
                return Ok(());
            }
        }
        self.evaluate(Operation::Delete, self.moment)
    }

    fn settle(&mut self, save: note::Save) {
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

    fn evaluate(&mut self, operation: Operation, moment: &Moment) -> Result<(), FollowError> {
        let save = self.save;
        let change = Change {
            operation,
            old: save.old.filter(|_| operation != Operation::Insert),
            new: save.new,
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

    fn finish(self) -> Plan {
        let differs = match self.save.operation {
            Operation::Insert => self.is_spent || has_note(self.save.callers),
            Operation::Update => {
                (self.is_spent || self.save.callers.is_some()) && self.rules.is_modified()
            }
            Operation::Delete => false,
        };
        Plan {
            rules: differs.then_some(self.rules),
            ..self.plan
        }
    }
}

fn has_note(rules: Option<&Rules>) -> bool {
    rules.is_some_and(|rules| rules.note().is_some())
}
