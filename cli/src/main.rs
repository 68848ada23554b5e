//! The `celerysalt` command.
//!
//! Exit codes: see [`help::EXIT_CODES`].

mod args;
mod call;
mod completions;
mod dlq;
mod error;
mod failure;
mod help;
mod input;
mod migrations;
mod outbox;
mod publish;
mod rules;
mod shared;
mod tail;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command, MigrationsCommand, RulesCommand};
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| usage(&error));
    run(cli.command).unwrap_or_else(|failure| {
        if failure.is_closed_output() {
            return ExitCode::SUCCESS;
        }
        // Words of servers may span lines; an error is one.
        let words = failure.to_string().replace('\n', " ");
        shared::output::note(&format!("error: {words}"));
        failure.exit_code()
    })
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Rules { command } => Ok(match command {
            RulesCommand::Check(args) => rules::check::run(&args),
            RulesCommand::Eval(args) => rules::eval::run(&args),
        }?),
        Command::Migrations { command } => Ok(match command {
            MigrationsCommand::Print(args) => migrations::print::run(&args),
        }?),
        Command::Dlq { command } => dlq::run(&command),
        Command::Outbox { command } => outbox::run(&command),
        Command::Publish(args) => publish::run(&args),
        Command::Call(args) => call::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Prints help or what is wrong with the command line, and ends.
fn usage(error: &clap::Error) -> ! {
    let text = error.to_string();
    let scrubbed = shared::url::scrubbed(&text);
    if error.use_stderr() && scrubbed != text {
        // A URL in the wrong place is shown without its password.
        shared::output::note(scrubbed.trim_end());
        std::process::exit(error.exit_code());
    }
    error.exit()
}
