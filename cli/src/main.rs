//! The `celerysalt` command.
//!
//! Exit codes: 0 done, 1 what was checked has errors, 2 bad input or usage.

mod args;
mod error;
mod input;
mod migrations;
mod rules;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command, MigrationsCommand, RulesCommand};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Rules { command } => match command {
            RulesCommand::Check(args) => rules::check::run(&args),
            RulesCommand::Eval(args) => rules::eval::run(&args),
        },
        Command::Migrations { command } => match command {
            MigrationsCommand::Print(args) => migrations::print::run(&args),
        },
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}
