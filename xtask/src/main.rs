//! `cargo xtask …`: the chores of this workspace, on Unix systems.
//!
//! - `services up|down|env`: private servers for the tests, on 127.0.0.1.
//! - `test`: every test, with those servers.
//! - `soak`: savers and relays that are killed again and again, and the proof that nothing was lost.
//! - `ci`: all that must pass before a change is merged.

mod ci;
mod error;
mod folder;
mod metadata;
mod native;
mod process;
mod services;
mod soak;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Services(action) => {
            services::run(&action)?;
            if matches!(action, services::Action::Down) {
                soak::clear()?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Test(options) => test::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Ci(options) => ci::run(&options),
    }
}

/// The chores of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Private servers for the tests, on 127.0.0.1
    #[command(subcommand)]
    Services(services::Action),
    /// Start the services, run every test, stop the services
    Test(test::Options),
    /// Kill savers, relays and databases for a while; then events must equal committed transitions
    Soak(soak::Options),
    /// Everything that must pass: format, lints, docs, tests, soak, examples, features
    Ci(ci::Options),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
