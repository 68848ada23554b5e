//! Evaluation: which rules a save fires, and the events they make. Pure: it reads no clock, no database.

use chrono::{DateTime, Utc};

use super::Rules;
use super::error::RuleErrors;
use crate::catalog::EventSchemas;
use crate::chain::Chain;
use crate::event::Envelope;
use crate::model::{Change, ModelDef};

/// The rules that look at a change, beside those declared in the model's code.
#[derive(Debug, Clone, Copy)]
pub struct RuleSets<'a> {
    /// The row's own rules: what the stored column and the caller's changes merge to.
    pub row: &'a Rules,
    /// Rules that stand outside the row (a table for the model). They always persist.
    pub others: &'a [&'a Rules],
}

/// What evaluation knows of the world.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The time of the save.
    pub now: DateTime<Utc>,
    /// The chain in which the save happens: [`Chain::current`].
    pub chain: &'a Chain,
    /// The events that are known.
    pub schemas: &'a dyn EventSchemas,
}

/// What a save fires.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// The events, in the order of their rules: the row's, the model's, the others'.
    pub events: Vec<Envelope>,
    /// The ids of the row's rules that fired and do not persist: to be removed with the change.
    pub spent: Vec<String>,
    /// The rules that could not be evaluated. They stay, and stop nobody.
    pub broken: Vec<BrokenRule>,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BrokenRule {
    /// Its id, if it can be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub errors: RuleErrors,
}

/// Why a save must not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Rules and handlers feed each other.
    #[error(
        "rule `{rule_id}` would fire `{topic}` at depth {depth} of its chain of events, and {limit} is the deepest; \
         rules and handlers feed each other: break the circle, or guard the rule"
    )]
    ChainTooDeep {
        /// The rule that would have fired.
        rule_id: String,
        /// Its event.
        topic: String,
        /// How many events came before in the chain.
        depth: u32,
        /// The deepest that is allowed.
        limit: u32,
    },
}

/// Evaluates all rules on one change.
///
/// # Errors
/// [`EvaluateError::ChainTooDeep`] when a rule would fire in a chain that is too deep.
pub fn evaluate(
    _model: &ModelDef,
    _change: &Change<'_>,
    _rules: &RuleSets<'_>,
    _env: &Env<'_>,
) -> Result<Evaluation, EvaluateError> {
    Ok(Evaluation::default())
}
