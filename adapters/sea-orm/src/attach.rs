//! The check of rules that a save attaches.

use celerysalt::rules::{self, Rule, RuleErrors, Rules as CoreRules};
use sea_orm::DbErr;
use serde_json::Value as Json;

use crate::catalog;
use crate::entity::Follow;
use crate::error::FollowError;

/// What a row's rules become with a caller's changes, once those are found to be right.
pub(crate) fn merged<E: Follow>(
    stored: &CoreRules,
    callers: &CoreRules,
) -> Result<CoreRules, DbErr> {
    check::<E>(&attached(stored, callers))?;
    let merged = CoreRules::merge(stored, callers);
    let bound = E::followed().def.limits().rules;
    if merged.len() > bound && merged.len() > stored.len() {
        check::<E>(&merged)?;
    }
    Ok(merged)
}

/// Checks rules that a new row is to have.
pub(crate) fn check<E: Follow>(rules: &CoreRules) -> Result<(), DbErr> {
    let checked = rules::check(&E::followed().def, catalog::schemas(), rules);
    checked.map_err(|errors| refused::<E>(errors).into())
}

/// Checks the rules that `E` declares in code: worth a call at start, or in a test, since broken ones do not
/// fire.
///
/// # Errors
/// Each problem with rule, path and remedy.
pub fn check_code_rules<E: Follow>() -> Result<(), FollowError> {
    let def = &E::followed().def;
    rules::check_standing(def, catalog::schemas(), def.rules()).map_err(refused::<E>)
}

fn refused<E: Follow>(errors: RuleErrors) -> FollowError {
    FollowError::Rules {
        model: E::NAME,
        errors,
    }
}

/// What the caller brings: added and edited rules, and entries that are no rules and are not in the row
/// already. What stood broken in the row before is not the caller's.
fn attached(stored: &CoreRules, callers: &CoreRules) -> CoreRules {
    let rules = callers.added().chain(callers.edited()).map(Rule::to_value);
    let broken = callers
        .broken()
        .filter(|entry| !stored.broken().any(|known| known == *entry))
        .map(|entry| entry.value.clone());
    let entries: Vec<Json> = rules.chain(broken).collect();
    match entries.as_slice() {
        [] => CoreRules::new(),
        _ => CoreRules::from_value(Json::Array(entries)),
    }
}
