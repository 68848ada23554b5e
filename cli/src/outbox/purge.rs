//! `celerysalt outbox purge`.

use std::process::ExitCode;

use celerysalt::outbox::OutboxStore;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::counted;
use crate::failure::Failure;
use crate::shared::confirm::confirm;
use crate::shared::database::DatabaseArgs;
use crate::shared::output::{self, OutputArgs};
use crate::shared::progress::Progress;
use crate::shared::when;

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    selection: Which,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// What was delivered or given up before this instant (2026-01-31T12:00:00Z), or so long ago (7d).
    #[arg(long, value_name = "WHEN", value_parser = when::past)]
    before: Option<DateTime<Utc>>,
    /// All that was delivered or given up until now.
    #[arg(long)]
    all: bool,
}

/// Forgets what is done.
pub(super) async fn run(args: &PurgeArgs) -> Result<ExitCode, Failure> {
    let before = args.selection.before.unwrap_or_else(Utc::now);
    let outbox = args.database.outbox().await?;
    let until = output::instant(before);
    confirm(
        &format!("Purge the events that were delivered or given up before {until}?"),
        args.yes,
    )?;
    let progress = Progress::of("purging events", args.output);
    let purged = outbox.purge(before).await?;
    drop(progress);
    match args.output.json {
        true => output::json(&json!({ "purged": purged }))?,
        false => output::line(&format!("purged {}", counted(purged)))?,
    }
    Ok(ExitCode::SUCCESS)
}
