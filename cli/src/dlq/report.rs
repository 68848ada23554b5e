//! What became of the selected letters.

use std::process::ExitCode;

use celerysalt::broker::DeadSelection;
use serde_json::json;

use crate::failure::Failure;
use crate::shared::output::{self, OutputArgs};

/// Says how many letters of a place were done with, as in `replayed 3 dead letters of queue …`.
///
/// # Errors
/// [`Failure::NoLetter`] when events were named and none has a letter; [`Failure::Output`].
pub(super) fn report(
    done: &str,
    number: u64,
    selection: &DeadSelection,
    place: &str,
    output: OutputArgs,
) -> Result<ExitCode, Failure> {
    if let (0, DeadSelection::Events(ids)) = (number, selection) {
        return Err(Failure::NoLetter { asked: ids.len() });
    }
    match output.json {
        true => output::json(&json!({ done: number }))?,
        false => output::line(&format!("{done} {} of {place}", counted(number)))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `3 dead letters`.
fn counted(number: u64) -> String {
    match number {
        1 => "1 dead letter".to_owned(),
        _ => format!("{number} dead letters"),
    }
}
