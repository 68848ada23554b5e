//! The check of rules that a save attaches.

use celerysalt::follow;
use celerysalt::rules::Rules as CoreRules;
use sea_orm::DbErr;

use crate::entity::Follow;
use crate::error::FollowError;

/// Checks rules that a new row is to have.
pub(crate) fn check<E: Follow>(rules: &CoreRules) -> Result<(), DbErr> {
    let checked = follow::check(&E::followed().def, rules);
    checked.map_err(|error| FollowError::from(error).into())
}

/// Checks the rules that `E` declares in code: worth a call at start, or in a test, since broken ones do not
/// fire.
///
/// # Errors
/// Each problem with rule, path and remedy.
pub fn check_code_rules<E: Follow>() -> Result<(), FollowError> {
    Ok(follow::check_code_rules(&E::followed().def)?)
}
