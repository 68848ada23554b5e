//! What looks at a save beside the row's own rules: for adapters that skip work where nothing does.

use crate::history::History;
use crate::model::{ModelDef, Operation};
use crate::rule_table;
use crate::rules::{Rule, Rules};

/// Whether the save of a row without rules may still have something to do: rules stand in code or in the table of rules,
/// or the model keeps the history of some fields.
pub fn stands_outside(model: &ModelDef) -> bool {
    !model.rules().is_empty() || keeps_fields(model) || rule_table::rules_of(model).is_some()
}

/// Whether anything looks at an operation on a row with these rules: one of them, a rule in code or in the table of rules,
/// or the history of some fields.
pub fn looks_at(model: &ModelDef, row: &Rules, operation: Operation) -> bool {
    let any = |rules: &Rules| rules.iter().any(|rule| is_for(rule, operation));
    keeps_fields(model)
        || any(row)
        || any(model.rules())
        || rule_table::rules_of(model).is_some_and(|rules| any(&rules))
}

fn is_for(rule: &Rule, operation: Operation) -> bool {
    rule.enabled && rule.on.contains(&operation)
}

fn keeps_fields(model: &ModelDef) -> bool {
    model
        .history()
        .is_some_and(|history: &History| !history.fields().is_empty())
}
