//! The check of rules when they are attached: everything that could be known to be wrong.

use super::Rules;
use super::error::RuleErrors;
use crate::catalog::EventSchemas;
use crate::model::ModelDef;

/// Checks rules that are to stand in a row of the model: all problems, not only the first.
///
/// # Errors
/// Each problem with rule, path and remedy.
pub fn check(
    _model: &ModelDef,
    _schemas: &dyn EventSchemas,
    _rules: &Rules,
) -> Result<(), RuleErrors> {
    Ok(())
}

/// Like [`check`], for a list that stands in code or in a table: its length is not bounded.
///
/// # Errors
/// Each problem with rule, path and remedy.
pub fn check_standing(
    _model: &ModelDef,
    _schemas: &dyn EventSchemas,
    _rules: &Rules,
) -> Result<(), RuleErrors> {
    Ok(())
}
