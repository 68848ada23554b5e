//! `celerysalt dlq replay`.

use std::process::ExitCode;

use celerysalt::broker::DeadSelection;
use clap::Args;
use serde_json::json;

use super::letters::{Letters, counted};
use super::{PlaceArgs, SelectionArgs};
use crate::failure::Failure;
use crate::shared::output::{self, OutputArgs};

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
    let letters = Letters::open(&args.place).await?;
    let replayed = letters.replay(&selection).await;
    let place = letters.to_string();
    letters.close().await;
    let replayed = replayed?;
    if let (0, DeadSelection::Events(ids)) = (replayed, &selection) {
        return Err(Failure::NoLetter { asked: ids.len() });
    }
    match args.output.json {
        true => output::json(&json!({ "replayed": replayed }))?,
        false => output::line(&format!("replayed {} of {place}", counted(replayed)))?,
    }
    Ok(ExitCode::SUCCESS)
}
