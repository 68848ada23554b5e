//! `celerysalt dlq …`.

mod letters;
mod list;
mod purge;
mod replay;
mod report;
mod show;

use std::process::ExitCode;

use celerysalt::broker::DeadSelection;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use uuid::Uuid;

use crate::failure::Failure;
use crate::help::{EXIT_CODES, examples};
use crate::shared::broker::RabbitArgs;
use crate::shared::database::DatabaseArgs;
use crate::shared::{block_on, event, when};

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List dead letters, oldest first: when, which event, which handler, how often tried, why.
    #[command(after_long_help = EXIT_CODES)]
    List(list::ListArgs),
    /// Show dead letters of an event whole, with its data.
    #[command(after_long_help = EXIT_CODES)]
    Show(show::ShowArgs),
    /// Put dead letters back, each for the handler that gave up, untried and wanted now.
    #[command(after_long_help = examples(&replay::EXAMPLES))]
    Replay(replay::ReplayArgs),
    /// Forget dead letters, for good.
    #[command(after_long_help = EXIT_CODES)]
    Purge(purge::PurgeArgs),
}

/// Whose dead letters.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    rabbit: RabbitArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The dead letters of this service's queue in RabbitMQ.
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,
    /// The dead letters of the outbox: what handlers in the process gave up.
    #[arg(long)]
    outbox: bool,
}

/// Which dead letters.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct SelectionArgs {
    /// Those of this event; may be given several times.
    #[arg(long = "id", value_name = "EVENT", value_parser = event::id)]
    ids: Vec<Uuid>,
    /// Those that died before this instant (2026-01-31T12:00:00Z), or so long ago (7d).
    #[arg(long, value_name = "WHEN", value_parser = when::past)]
    before: Option<DateTime<Utc>>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl SelectionArgs {
    fn given(&self) -> Option<DeadSelection> {
        if let Some(before) = self.before {
            return Some(DeadSelection::Before(before));
        }
        match self.ids.as_slice() {
            [] => self.all.then_some(DeadSelection::All),
            ids => Some(DeadSelection::Events(ids.to_vec())),
        }
    }

    /// Nobody means all without saying so.
    fn needed(&self) -> Result<DeadSelection, Failure> {
        self.given().ok_or(Failure::NoSelection)
    }
}

/// Runs the command.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(command: &DlqCommand) -> Result<ExitCode, Failure> {
    block_on(async {
        match command {
            DlqCommand::List(args) => list::run(args).await,
            DlqCommand::Show(args) => show::run(args).await,
            DlqCommand::Replay(args) => replay::run(args).await,
            DlqCommand::Purge(args) => purge::run(args).await,
        }
    })
}
