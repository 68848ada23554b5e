//! `celerysalt outbox …`.

mod purge;
mod retry;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::help::EXIT_CODES;
use crate::shared::block_on;

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// Count the events of the outbox by what has become of them.
    #[command(after_long_help = EXIT_CODES)]
    Status(status::StatusArgs),
    /// Try events at once that wait for their next try, or that were given up for want of a subscriber.
    #[command(after_long_help = EXIT_CODES)]
    Retry(retry::RetryArgs),
    /// Forget events that were delivered, or given up for want of a subscriber. What is pending stays.
    #[command(after_long_help = EXIT_CODES)]
    Purge(purge::PurgeArgs),
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(command: &OutboxCommand) -> Result<ExitCode, Failure> {
    block_on(async {
        match command {
            OutboxCommand::Status(args) => status::run(args).await,
            OutboxCommand::Retry(args) => retry::run(args).await,
            OutboxCommand::Purge(args) => purge::run(args).await,
        }
    })
}

/// `3 events`.
fn counted(number: u64) -> String {
    match number {
        1 => "1 event".to_owned(),
        _ => format!("{number} events"),
    }
}
