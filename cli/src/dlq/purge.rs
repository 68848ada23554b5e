//! `celerysalt dlq purge`.

use std::process::ExitCode;

use celerysalt::broker::DeadSelection;
use clap::Args;

use super::letters::Letters;
use super::report::report;
use super::{PlaceArgs, SelectionArgs};
use crate::failure::Failure;
use crate::shared::confirm::confirm;
use crate::shared::output::{self, OutputArgs};

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Forgets the selected letters.
pub(super) async fn run(args: &PurgeArgs) -> Result<ExitCode, Failure> {
    let selection = args.selection.needed()?;
    let letters = Letters::open(&args.place, args.output).await?;
    let which = match &selection {
        DeadSelection::All => "all dead letters".to_owned(),
        DeadSelection::Before(at) => format!("the dead letters before {}", output::instant(*at)),
        DeadSelection::Events(ids) => format!("the dead letters of {} event(s)", ids.len()),
    };
    confirm(&format!("Purge {which} of {letters}?"), args.yes)?;
    let purged = letters.purge(&selection).await;
    let place = letters.to_string();
    letters.close().await;
    report("purged", purged?, &selection, &place, args.output)
}
