//! The check of rules when they are attached: everything that could be known to be wrong.

use std::sync::Arc;

use super::column::Entry;
use super::compile::{Compiled, Slot, named};
use super::error::{RuleError, RuleErrorKind as Kind, RuleErrors, RuleName};
use super::test::Problems;
use super::{Rules, destination, parse};
use crate::catalog::EventSchemas;
use crate::model::ModelDef;
use crate::template::Template;

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
                let rule = &compiled.rule;
                let template = Some(&compiled.template);
                let problems = event_problems(model, schemas, &rule.event_class, template);
                errors.extend(named(&RuleName::Id(rule.id.clone()), problems).0);
            }
            Slot::Broken { rule, .. } => {
                errors.extend(rule.errors.clone());
                errors.extend(further_errors(model, schemas, entry, &rule.errors));
            }
        }
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(RuleErrors(errors)),
    }
}

/// What else is wrong with an entry that did not even compile.
fn further_errors(
    model: &ModelDef,
    schemas: &dyn EventSchemas,
    entry: &Entry,
    known: &RuleErrors,
) -> Vec<RuleError> {
    let mut problems = Problems::new();
    let rule = match entry {
        Entry::Rule(rule) => Some(Arc::clone(rule)),
        Entry::Broken(broken) => parse::sound_part(&broken.value).map(Arc::new),
    };
    let Some(rule) = rule else {
        return Vec::new();
    };
    if let (Entry::Broken(_), Err(found)) = (entry, Compiled::new(model, &rule)) {
        problems.extend(found);
    }
    let template = Template::compile(&rule.event_data, model).ok();
    problems.extend(event_problems(
        model,
        schemas,
        &rule.event_class,
        template.as_ref(),
    ));
    problems.retain(|(path, _)| known.iter().all(|error| error.path != *path));
    let name = known.iter().next().map(|error| error.rule.clone());
    named(&name.unwrap_or(RuleName::List), problems).0
}

fn event_problems(
    model: &ModelDef,
    schemas: &dyn EventSchemas,
    event_class: &str,
    template: Option<&Template>,
) -> Problems {
    let info = match destination::resolve(model, schemas, event_class) {
        Ok(info) => info,
        Err(kind) => return vec![("event_class".to_owned(), kind)],
    };
    let (Some(template), Some(schema)) = (template, &info.schema) else {
        return Problems::new();
    };
    let misfits = template.misfits(model, schema).into_iter();
    let misfits = misfits.map(|misfit| {
        let kind = Kind::Misfit {
            topic: info.topic.clone(),
            problem: misfit.to_string(),
        };
        (misfit.path, kind)
    });
    misfits.collect()
}
