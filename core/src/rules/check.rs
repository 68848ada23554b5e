//! The check of rules when they are attached: everything that could be known to be wrong.

use super::Rules;
use super::compile::{Compiled, Slot};
use super::destination;
use super::error::{RuleError, RuleErrorKind as Kind, RuleErrors, RuleName};
use super::test::Problems;
use crate::catalog::EventSchemas;
use crate::model::ModelDef;

/// Checks rules that are to stand in a row of the model: all problems, not only the first.
///
/// # Errors
/// Each problem with rule, path and remedy: an entry that is no rule, an unknown field, an operator or value that
/// does not fit the field's type, an unknown or forbidden event, event data that cannot satisfy the event's
/// schema, an id that stands twice, and whatever is beyond the model's [`Limits`](super::Limits).
pub fn check(
    model: &ModelDef,
    schemas: &dyn EventSchemas,
    rules: &Rules,
) -> Result<(), RuleErrors> {
    let (found, limit) = (rules.len(), model.limits().rules);
    if found <= limit {
        return check_standing(model, schemas, rules);
    }
    // A list that is too long is not looked at any further: that might take long.
    let what = "rules in the row";
    Err(RuleErrors(vec![RuleError {
        rule: RuleName::List,
        path: String::new(),
        kind: Kind::Limit { what, found, limit },
    }]))
}

/// Like [`check`], for a list that stands in code or in a table: its length is not bounded.
///
/// # Errors
/// As [`check`].
pub fn check_standing(
    model: &ModelDef,
    schemas: &dyn EventSchemas,
    rules: &Rules,
) -> Result<(), RuleErrors> {
    let compiled = rules.compiled(model);
    let mut errors = Vec::new();
    for (slot, entry) in compiled.slots.iter().zip(&rules.entries) {
        match slot {
            Slot::Rule(compiled) => {
                let problems =
                    event_problems(model, schemas, &compiled.rule.event_class, Some(compiled));
                errors.extend(super::compile::named(&compiled.rule.id, problems));
            }
            Slot::Broken { rule, .. } => {
                errors.extend(rule.errors.clone());
                if let Some(rule) = entry.rule() {
                    let problems = event_problems(model, schemas, &rule.event_class, None);
                    errors.extend(super::compile::named(&rule.id, problems));
                }
            }
        }
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(RuleErrors(errors)),
    }
}

fn event_problems(
    model: &ModelDef,
    schemas: &dyn EventSchemas,
    event_class: &str,
    compiled: Option<&Compiled>,
) -> Problems {
    let info = match destination::resolve(model, schemas, event_class) {
        Ok(info) => info,
        Err(kind) => return vec![("event_class".to_owned(), kind)],
    };
    let (Some(compiled), Some(schema)) = (compiled, &info.schema) else {
        return Problems::new();
    };
    let misfits = compiled.template.misfits(model, schema).into_iter();
    let misfits = misfits.map(|misfit| {
        let kind = Kind::Misfit {
            topic: info.topic.clone(),
            problem: misfit.to_string(),
        };
        (misfit.path, kind)
    });
    misfits.collect()
}
