//! `celerysalt dlq list`.

use std::process::ExitCode;

use celerysalt::broker::{DeadLetter, DeadSelection};
use clap::Args;

use super::letters::Letters;
use super::{PlaceArgs, SelectionArgs};
use crate::failure::Failure;
use crate::shared::output::{self, OutputArgs, plain};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    output: OutputArgs,
}

/// Lists the selected letters, all unless told.
pub(super) async fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    let selection = args.selection.given().unwrap_or(DeadSelection::All);
    let letters = Letters::open(&args.place, args.output).await?;
    let limit = args.limit as usize;
    // One more, to know whether there are more.
    let listed = letters.list(&selection, limit.saturating_add(1)).await;
    letters.close().await;
    let mut listed = listed?;
    let more = listed.len() > limit;
    listed.truncate(limit);
    if args.output.json {
        listed.iter().try_for_each(output::json)?;
    } else if listed.is_empty() {
        output::note("no dead letters");
    } else {
        let rows: Vec<_> = listed.iter().map(row).collect();
        let titles = ["DIED AT", "EVENT", "TOPIC", "HANDLER", "TRIES", "ERROR"];
        output::table(titles, &rows)?;
    }
    if more {
        output::note("there are more; see them with --limit");
    }
    Ok(ExitCode::SUCCESS)
}

fn row(letter: &DeadLetter) -> [String; 6] {
    let text = |text: &str| plain(text).into_owned();
    [
        output::second(letter.died_at),
        letter.envelope.id.to_string(),
        text(&letter.envelope.topic),
        text(letter.reason.handler.as_deref().unwrap_or("-")),
        letter.reason.attempts.to_string(),
        text(&letter.reason.error),
    ]
}
