//! `celerysalt completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints a script that completes this command in a shell.
///
/// # Errors
/// [`Failure::Output`].
pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "celerysalt", &mut script);
    io::stdout()
        .lock()
        .write_all(&script)
        .map_err(Failure::Output)?;
    Ok(ExitCode::SUCCESS)
}
