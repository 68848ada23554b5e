//! `celerysalt dlq show`.

use std::process::ExitCode;

use celerysalt::broker::{DeadLetter, DeadSelection};
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use super::PlaceArgs;
use super::letters::Letters;
use crate::failure::Failure;
use crate::shared::event;
use crate::shared::output::{self, OutputArgs, plain};

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The event's id.
    #[arg(value_name = "EVENT", value_parser = event::id)]
    id: Uuid,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Shows the letters of one event: one for each handler that gave up.
pub(super) async fn run(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let letters = Letters::open(&args.place, args.output).await?;
    let these = DeadSelection::Events(vec![args.id]);
    let found = letters.list(&these, usize::MAX).await;
    letters.close().await;
    let found = found?;
    if found.is_empty() {
        return Err(Failure::NoLetter { asked: 1 });
    }
    if args.output.json {
        found.iter().try_for_each(output::json)?;
    } else {
        let letters = found.iter().map(whole).collect::<Result<Vec<_>, _>>()?;
        output::line(&letters.join("\n\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn whole(letter: &DeadLetter) -> Result<String, Failure> {
    let event = &letter.envelope;
    let fields = [
        ("event", event.id.to_string()),
        ("topic", event.topic.clone()),
        ("version", event.version.clone().unwrap_or("-".to_owned())),
        (
            "handler",
            letter.reason.handler.clone().unwrap_or("-".to_owned()),
        ),
        ("attempts", letter.reason.attempts.to_string()),
        ("error", letter.reason.error.clone()),
        ("origin", letter.origin.clone()),
        ("died at", output::instant(letter.died_at)),
    ];
    let mut text = String::new();
    for (name, value) in fields {
        text.push_str(&format!("{name:<9} {}\n", plain(&value)));
    }
    text.push_str(&format!("meta      {}\n", pretty(&event.meta)?));
    text.push_str(&format!("data      {}", pretty(&event.payload)?));
    Ok(text)
}

/// Indented JSON. It escapes control characters but those above ASCII, which `plain` does.
fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::Output(e.into()))?;
    let lines: Vec<_> = text.lines().map(plain).collect();
    Ok(lines.join("\n"))
}
