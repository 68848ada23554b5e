//! What every ORM adapter does between reading the old row and writing the new one.
//!
//! An adapter reads the row under a lock, asks [`plan`] what the save does beside writing its columns, writes the
//! row with the planned rules, and then, in the same transaction, puts the planned events into the outbox and the
//! planned transitions into the history.

mod attach;
mod many;
pub mod note;
mod outside;
mod planning;
mod schemas;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::actor;
use crate::chain::{Chain, MAX_DEPTH};
use crate::clock;
use crate::event::Envelope;
use crate::history::Transition;
use crate::model::{ModelDef, Operation, Row};
use crate::rules::{EvaluateError, RuleErrorKind, RuleErrors, Rules};

pub(crate) use attach::check_standing;
pub use attach::{check, check_code_rules, merged};
pub use many::{FollowedMany, ManyError};
pub use outside::{looks_at, stands_outside};
pub use schemas::linked_events;

use note::{Claim, UnreadableNote};
use planning::Planning;

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
    /// The row's identity, e.g. `order:0198…`; see [`Change::aggregate`](crate::model::Change::aggregate).
    pub aggregate: &'a str,
    /// The rules that the database holds, read by [`Rules::loaded`]; on insert none, or those that the caller gave.
    pub stored: &'a Rules,
    /// The rules that the caller sets, if it does; on insert all rules of the new row. An adapter that has checked them
    /// before it wrote the row gives the row's rules as `stored` instead.
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
    /// Deletes of the row that others have announced: what their rows of `celerysalt_pending` are to keep from this save
    /// on, unless they keep something later.
    pub claims: Vec<Claim>,
}

impl Plan {
    /// Whether nothing is left but the caller's own columns.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.transitions.is_empty()
            && self.rules.is_none()
            && self.intents.is_empty()
            && self.claims.is_empty()
    }

    /// This plan and one that was made after it, on the rules that this one leaves.
    #[must_use]
    pub fn then(mut self, next: Plan) -> Plan {
        self.events.extend(next.events);
        self.transitions.extend(next.transitions);
        self.intents.extend(next.intents);
        self.claims.extend(next.claims);
        self.rules = next.rules.or(self.rules);
        self
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
        /// The name that [`History`](crate::history::History) gives.
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
/// What earlier saves without a transaction have left in the row's note comes first (see [`settle`]), whichever adapter
/// left it there: a row's events keep their order. What another's delete, which is on its way, is to tell comes last:
/// after an update what the row is then, after a delete nothing.
///
/// # Errors
/// See [`FollowError`].
pub fn plan(save: &Save<'_>, moment: &Moment) -> Result<Plan, FollowError> {
    if save.operation != Operation::Update || save.stored.note().is_none() {
        return plan_alone(save, moment);
    }
    let left = settle(save, moment)?;
    let save = Save {
        stored: left.rules.as_ref().unwrap_or(save.stored),
        ..*save
    };
    let plan = plan_alone(&save, moment)?;
    Ok(left.then(plan))
}

/// The plan of a save whose row carries no note, or goes.
fn plan_alone(save: &Save<'_>, moment: &Moment) -> Result<Plan, FollowError> {
    let given = match save.operation {
        Operation::Insert => given_to_new(save)?,
        Operation::Update => match save.callers {
            Some(callers) => merged(save.model, save.stored, callers)?,
            None => save.stored.clone(),
        },
        Operation::Delete => save.stored.clone(),
    };
    let mut planning = Planning::of(save, moment, given);
    match save.operation {
        Operation::Insert => planning.evaluate(Operation::Insert, moment)?,
        Operation::Update => {
            planning.update()?;
            planning.reclaim()?;
        }
        Operation::Delete => planning.delete()?,
    }
    Ok(planning.finish())
}

/// Takes over what earlier saves without a transaction have left in a row's note: the events that they fired, the rules
/// that look at their insert, claims to delete that were abandoned. The plan's rules are without that; a claim that
/// stands stays in them. What the save itself does is not looked at, but for the row as the database holds it.
///
/// # Errors
/// [`FollowError::Note`] when the note cannot be read.
pub fn settle(save: &Save<'_>, moment: &Moment) -> Result<Plan, FollowError> {
    let mut planning = Planning::of(save, moment, save.stored.clone());
    planning.settle()?;
    Ok(planning.settled())
}

/// The rules of a new row: as the caller gives them, without what belongs to the row that they were copied from.
fn given_to_new(save: &Save<'_>) -> Result<Rules, FollowError> {
    if let Some(callers) = save.callers {
        check(save.model, callers)?;
    }
    let mut rules = save.callers.unwrap_or(save.stored).clone();
    rules.set_note(None);
    Ok(rules)
}
