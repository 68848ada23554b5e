//! Explanation: why each rule fires at a change, or why not.

use super::evaluate::{Env, RuleSets};
use crate::model::{Change, ModelDef};

/// What becomes of one rule at a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// The rule; its position when its id cannot be read.
    pub rule_id: String,
    /// The field it looks at.
    pub field: String,
    /// Whether it fires.
    pub fired: bool,
    /// One sentence: `did not fire: amount 80.00 is not gt 100.00`.
    pub reason: String,
}

/// Says of each rule whether it fires at this change, and why: the same rules in the same order as
/// [`evaluate`](super::evaluate()).
pub fn explain(
    _model: &ModelDef,
    _change: &Change<'_>,
    _rules: &RuleSets<'_>,
    _env: &Env<'_>,
) -> Vec<Verdict> {
    Vec::new()
}
