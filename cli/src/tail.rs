//! `celerysalt tail`.

use std::pin::pin;
use std::process::ExitCode;

use celerysalt::event::Envelope;
use celerysalt::topic::TopicPattern;
use celerysalt::worker::shutdown_signal;
use celerysalt_amqp::Tail;
use celerysalt_amqp::wire::Dialect;
use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::shared::block_on;
use crate::shared::broker::ExchangeArgs;
use crate::shared::output::{self, OutputArgs, cut, plain};

pub(crate) const EXAMPLES: [&str; 2] = [
    "celerysalt tail 'order.#'",
    "celerysalt tail '#' --json | jq .payload",
];

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Which topics: * stands for one word, # for any number of words.
    #[arg(value_name = "PATTERN")]
    pattern: TopicPattern,
    /// End after so many events.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Cut lines to this width; to the terminal's unless told, and not at all where there is none.
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    #[command(flatten)]
    exchange: ExchangeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// An event with the time when it was seen.
#[derive(Serialize)]
struct Seen<'e> {
    seen_at: DateTime<Utc>,
    #[serde(flatten)]
    event: &'e Envelope,
}

/// Prints events as they are published, until ctrl-c or the given number.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(args: &TailArgs) -> Result<ExitCode, Failure> {
    let broker = args.exchange.broker(Dialect::default())?;
    block_on(async {
        let watched = watch(args, broker.tail(&args.pattern.to_string()).await).await;
        broker.close().await;
        watched.map(|()| ExitCode::SUCCESS)
    })
}

async fn watch(
    args: &TailArgs,
    tail: Result<Tail, celerysalt::broker::BrokerError>,
) -> Result<(), Failure> {
    let exchange = &args.exchange.exchange;
    let failed = |source| Failure::Watch {
        exchange: exchange.clone(),
        source,
    };
    let mut tail = tail.map_err(failed)?;
    // Heard from here on, also while an event is printed.
    let mut ended = pin!(shutdown_signal().map_err(Failure::Runtime)?);
    let pattern = &args.pattern;
    output::note(&format!(
        "watching `{pattern}` on exchange `{exchange}`; ctrl-c ends"
    ));
    let mut left = args.count;
    while left != Some(0) {
        let event = tokio::select! {
            event = tail.next() => event.map_err(failed)?,
            () = &mut ended => break,
        };
        print(&event, args)?;
        left = left.map(|left| left - 1);
    }
    tail.close().await;
    Ok(())
}

fn print(event: &Envelope, args: &TailArgs) -> Result<(), Failure> {
    let seen_at = Utc::now();
    if args.output.json {
        return output::json(&Seen { seen_at, event });
    }
    let text = format!(
        "{}  {}  {}  {}  {}",
        output::instant(event.meta.created_at.unwrap_or(seen_at)),
        event.topic,
        event.version.as_deref().unwrap_or("-"),
        event.id,
        event.payload,
    );
    let width = args.width.or_else(output::width);
    output::line(&cut(&plain(&text), width))
}
