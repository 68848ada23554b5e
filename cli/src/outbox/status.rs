//! `celerysalt outbox status`.

use std::process::ExitCode;

use celerysalt::outbox::{OutboxStatus, OutboxStore};
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::shared::database::DatabaseArgs;
use crate::shared::output::{self, OutputArgs};
use crate::shared::progress::Progress;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    status: OutboxStatus,
    /// When the next event becomes due that is not due yet, or a claim ends.
    next_due: Option<DateTime<Utc>>,
}

/// Counts the events.
pub(super) async fn run(args: &StatusArgs) -> Result<ExitCode, Failure> {
    let outbox = args.database.outbox().await?;
    let progress = Progress::of("counting the outbox's events", args.output);
    let report = Report {
        status: outbox.status().await?,
        next_due: outbox.next_due(Utc::now()).await?,
    };
    drop(progress);
    match args.output.json {
        true => output::json(&report)?,
        false => output::line(&report.text())?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn text(&self) -> String {
        let status = &self.status;
        let at = |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), output::instant);
        let lines = [
            ("pending", status.pending.to_string(), "to be delivered"),
            (
                "  retrying",
                status.retrying.to_string(),
                "of these, failed before",
            ),
            (
                "  unroutable",
                status.unroutable.to_string(),
                "of these, with nobody bound",
            ),
            ("  oldest", at(status.oldest), "when it was stored"),
            (
                "  next due",
                at(self.next_due),
                "when the next of those that wait, or are claimed, is",
            ),
            (
                "delivered",
                status.delivered.to_string(),
                "kept for the retention time",
            ),
            (
                "unrouted",
                status.unrouted.to_string(),
                "given up for want of a subscriber, kept",
            ),
            (
                "dead",
                status.dead.to_string(),
                "given up by handlers: see `dlq list --outbox`",
            ),
        ];
        let lines = lines.map(|(name, value, note)| format!("{name:<12} {value:<24}  {note}"));
        lines.join("\n")
    }
}
