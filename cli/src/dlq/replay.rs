//! `celerysalt dlq replay`.

use std::process::ExitCode;

use clap::Args;

use super::letters::Letters;
use super::report::report;
use super::{PlaceArgs, SelectionArgs};
use crate::failure::Failure;
use crate::shared::output::OutputArgs;

pub(super) const EXAMPLES: [&str; 2] = [
    "celerysalt dlq replay --queue mails --id 01980c2e-5f00-7000-8000-000000000000",
    "celerysalt dlq replay --outbox --before 2h",
];

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Puts the selected letters back.
pub(super) async fn run(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let selection = args.selection.needed()?;
    let letters = Letters::open(&args.place, args.output).await?;
    let replayed = letters.replay(&selection).await;
    let place = letters.to_string();
    letters.close().await;
    report("replayed", replayed?, &selection, &place, args.output)
}
