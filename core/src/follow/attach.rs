//! The check of rules that a save attaches.

use serde_json::Value as Json;

use super::{FollowError, schemas};
use crate::history::History;
use crate::model::ModelDef;
use crate::rules::{self, Rule, RuleErrors, Rules};

/// Checks rules that a new row is to have: worth a call before an insert that cannot be taken back.
///
/// # Errors
/// [`FollowError::Attach`] with each problem.
pub fn check(model: &ModelDef, rules: &Rules) -> Result<(), FollowError> {
    rules::check(model, schemas::linked_events(), rules).map_err(|errors| refused(model, errors))
}

/// Checks what a model declares in code, its rules and its history: worth a call at start, or in a test, since broken
/// rules do not fire.
///
/// # Errors
/// [`FollowError::Attach`] with each problem of the rules, [`FollowError::History`] for a field of which no history
/// can be kept.
pub fn check_code_rules(model: &ModelDef) -> Result<(), FollowError> {
    check_standing(model, model.rules())?;
    let fields = model.history().into_iter().flat_map(History::fields);
    for field in fields {
        rules::check_path(model, field).map_err(|reason| FollowError::History {
            model: model.name().to_owned(),
            field: field.clone(),
            reason: Box::new(reason),
        })?;
    }
    Ok(())
}

/// Checks rules that stand outside of rows.
pub(crate) fn check_standing(model: &ModelDef, rules: &Rules) -> Result<(), FollowError> {
    rules::check_standing(model, schemas::linked_events(), rules)
        .map_err(|errors| refused(model, errors))
}

/// What a row's stored rules become with a caller's changes, merged by id, once those changes are found to be right.
///
/// # Errors
/// [`FollowError::Attach`] with each problem of what the caller added or edited.
pub fn merged(model: &ModelDef, stored: &Rules, callers: &Rules) -> Result<Rules, FollowError> {
    let attached = attached(stored, callers);
    if !attached.is_empty() {
        check(model, &attached)?;
    }
    let merged = Rules::merge(stored, callers);
    if merged.len() > model.limits().rules && merged.len() > stored.len() {
        check(model, &merged)?;
    }
    Ok(merged)
}

/// What the caller brings: added and edited rules, and entries that are no rules and are not in the row already.
/// What stood broken in the row before is not the caller's.
fn attached(stored: &Rules, callers: &Rules) -> Rules {
    let rules = callers.added().chain(callers.edited()).map(Rule::to_value);
    let broken = callers
        .broken()
        .filter(|entry| !stored.broken().any(|known| known == *entry))
        .map(|entry| entry.value.clone());
    let entries: Vec<Json> = rules.chain(broken).collect();
    match entries.as_slice() {
        [] => Rules::new(),
        _ => Rules::from_value(Json::Array(entries)),
    }
}

fn refused(model: &ModelDef, errors: RuleErrors) -> FollowError {
    FollowError::Attach {
        model: model.name().to_owned(),
        errors,
    }
}
