//! `celerysalt rules check`.

use std::io::{self, Write};
use std::process::ExitCode;

use celerysalt::rules;

use crate::args::CheckArgs;
use crate::error::InputError;
use crate::input;

/// Prints every error of the rules, one a line.
///
/// # Errors
/// Files that cannot be used.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, InputError> {
    let model = input::model::read(&args.files.model)?;
    let schemas = input::events::read(args.files.events.as_deref())?;
    let rules = input::rules(&args.files.rules)?;
    let Err(errors) = rules::check(&model, schemas.as_ref(), &rules) else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut out = io::stdout().lock();
    for error in &errors {
        // A detail from a parser may span lines; a line per error is the promise.
        let line = error.to_string().replace('\n', " ");
        writeln!(out, "{line}").map_err(InputError::Output)?;
    }
    Ok(ExitCode::FAILURE)
}
