//! `celerysalt tail`.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use celerysalt::broker::BrokerError;
use celerysalt::event::Envelope;
use celerysalt::topic::TopicPattern;
use celerysalt::worker::shutdown_signal;
use celerysalt_amqp::wire::Dialect;
use celerysalt_amqp::{AmqpBroker, Tail};
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

/// The wait before the first try to watch again; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long RabbitMQ is given for a goodbye: it forgets a viewer whose connection ends, too.
const GOODBYE: Duration = Duration::from_secs(1);

/// Prints events as they are published, until ctrl-c or the given number.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(args: &TailArgs) -> Result<ExitCode, Failure> {
    let broker = args.exchange.broker(Dialect::default())?;
    block_on(async {
        let watched = watch(args, &broker).await;
        // An error means that it takes too long.
        let _ = tokio::time::timeout(GOODBYE, broker.close()).await;
        watched.map(|()| ExitCode::SUCCESS)
    })
}

async fn watch(args: &TailArgs, broker: &AmqpBroker) -> Result<(), Failure> {
    let mut viewer = Viewer::open(args, broker).await?;
    // Heard from here on, also while an event is printed or the broker is away.
    let mut ended = pin!(shutdown_signal().map_err(Failure::Runtime)?);
    let (pattern, exchange) = (&args.pattern, &args.exchange.exchange);
    output::note(&format!(
        "watching `{pattern}` on exchange `{exchange}`; ctrl-c ends"
    ));
    let mut left = args.count;
    while left != Some(0) {
        let event = tokio::select! {
            event = viewer.next() => event?,
            () = &mut ended => break,
        };
        print(&event, args)?;
        left = left.map(|left| left - 1);
    }
    // As above.
    let _ = tokio::time::timeout(GOODBYE, viewer.tail.close()).await;
    Ok(())
}

/// Watches, and again whenever the connection is lost.
struct Viewer<'a> {
    args: &'a TailArgs,
    broker: &'a AmqpBroker,
    tail: Tail,
}

impl<'a> Viewer<'a> {
    async fn open(args: &'a TailArgs, broker: &'a AmqpBroker) -> Result<Self, Failure> {
        let opened = broker.tail(&args.pattern.to_string()).await;
        let tail = opened.map_err(|source| args.exchange.failed(source))?;
        Ok(Self { args, broker, tail })
    }

    /// The next event.
    async fn next(&mut self) -> Result<Envelope, Failure> {
        loop {
            match self.tail.next().await {
                Ok(event) => return Ok(event),
                Err(lost) => self.tail = self.again(lost).await?,
            }
        }
    }

    /// Watches anew, with a queue anew, as soon as the broker is there again. Each reason why it is not is told once.
    async fn again(&self, lost: BrokerError) -> Result<Tail, Failure> {
        let (mut wait, mut told) = (FIRST_WAIT, lost.to_string());
        output::note(&format!("{told}; connecting again"));
        loop {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            match Self::open(self.args, self.broker).await {
                Ok(viewer) => {
                    output::note("watching again; what was published meanwhile is not shown");
                    return Ok(viewer.tail);
                }
                Err(Failure::Exchange {
                    source: error @ BrokerError::Unreachable { .. },
                    ..
                }) => {
                    let reason = error.to_string();
                    if reason != told {
                        output::note(&format!("{reason}; trying again"));
                        told = reason;
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
    }
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
