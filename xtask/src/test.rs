//! `cargo xtask test`: every test, with the services they need.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use clap::Args;

use crate::error::Error;
use crate::services::{self, Running};
use crate::{native, process, workspace};

/// How to run the tests.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Leave the services running that this call started
    #[arg(long)]
    keep: bool,
    /// More arguments for `cargo test`, as in `-- --test crash -- --nocapture`
    #[arg(last = true)]
    args: Vec<OsString>,
}

/// Runs the tests; the exit code is theirs.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Error> {
    status(options).map(exit_code)
}

/// Runs the tests; anything but success is an error.
pub(crate) fn check() -> Result<(), Error> {
    let status = status(&Options::default())?;
    if status.success() {
        return Ok(());
    }
    Err(Error::TestsFailed(status))
}

/// Runs the tests, and stops the services that this call started whether the tests pass or not.
fn status(options: &Options) -> Result<ExitStatus, Error> {
    native::ensure()?;
    let running = services::up()?;
    let outcome = process::status(&mut cargo_test(&running, &options.args));
    if !options.keep {
        running.stop_started()?;
    }
    outcome
}

fn cargo_test(running: &Running, args: &[OsString]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(["test", "--workspace", "--all-features"]);
    cargo.args(args).envs(running.variables());
    cargo
}

/// The same code, or 1 where a signal ended the tests.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_tests() {
        assert_eq!(exit_code(ExitStatus::from_raw(0)), ExitCode::SUCCESS);
        assert_eq!(
            exit_code(ExitStatus::from_raw(101 << 8)),
            ExitCode::from(101)
        );
    }

    #[test]
    fn tests_ended_by_a_signal_failed() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), ExitCode::FAILURE);
    }
}
