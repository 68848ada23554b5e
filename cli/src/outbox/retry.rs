//! `celerysalt outbox retry`.

use std::process::ExitCode;

use celerysalt::outbox::{OutboxStore, RetrySelection};
use chrono::Utc;
use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::counted;
use crate::failure::Failure;
use crate::shared::database::DatabaseArgs;
use crate::shared::event;
use crate::shared::output::{self, OutputArgs};
use crate::shared::progress::Progress;

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    selection: Which,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Which {
    /// This event, whether it waits or was given up; may be given several times.
    #[arg(long = "id", value_name = "EVENT", value_parser = event::id)]
    ids: Vec<Uuid>,
    /// All that were given up for want of a subscriber.
    #[arg(long)]
    unrouted: bool,
    /// All that wait for their next try.
    #[arg(long)]
    all: bool,
}

/// Makes the selected events due.
pub(super) async fn run(args: &RetryArgs) -> Result<ExitCode, Failure> {
    let selection = args.selection.read()?;
    let outbox = args.database.outbox().await?;
    let progress = Progress::of("making events due", args.output);
    let retried = outbox.retry(&selection, Utc::now()).await?;
    drop(progress);
    if let (0, RetrySelection::Events(ids)) = (retried, &selection) {
        return Err(Failure::NothingWaits { asked: ids.len() });
    }
    match args.output.json {
        true => output::json(&json!({ "retried": retried }))?,
        false => output::line(&format!("{} due now", counted(retried)))?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Which {
    fn read(&self) -> Result<RetrySelection, Failure> {
        match self.ids.as_slice() {
            [] if self.unrouted => Ok(RetrySelection::Unrouted),
            [] if self.all => Ok(RetrySelection::Waiting),
            [] => Err(Failure::NoRetry),
            ids => Ok(RetrySelection::Events(ids.to_vec())),
        }
    }
}
