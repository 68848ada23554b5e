//! `celerysalt call`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::publisher::Publisher;
use celerysalt::rpc::{CallError, RpcClient, SharedResultBackend};
use celerysalt_amqp::{AmqpBroker, AmqpResults};
use celerysalt_redis::{RedisResults, URL_VARIABLE};
use clap::Args;
use serde_json::Value as Json;

use crate::failure::Failure;
use crate::shared::broker::ExchangeArgs;
use crate::shared::event::EventArgs;
use crate::shared::output::{self, OutputArgs};
use crate::shared::progress::Progress;
use crate::shared::url::{Url, given};
use crate::shared::{block_on, when};

pub(crate) const EXAMPLES: [&str; 1] =
    ["celerysalt call calc.divide '{\"dividend\": 42, \"divisor\": 6}' --timeout 5"];

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    event: EventArgs,
    /// How many seconds to wait for the answer.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = when::seconds)]
    timeout: Duration,
    #[command(flatten)]
    exchange: ExchangeArgs,
    /// Redis, when the workers store their results there: redis://:password@host:6379/0. Without it the answer comes over
    /// RabbitMQ.
    #[arg(long, value_name = "URL", env = URL_VARIABLE, hide_env_values = true)]
    redis_url: Option<Url>,
    /// What stands before the keys of results in Redis, as Celery's setting of this name.
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    global_keyprefix: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Asks, and prints the answer, or the handler's declared error.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(args: &CallArgs) -> Result<ExitCode, Failure> {
    let data = args.event.data()?;
    let broker = args.exchange.broker(args.event.dialect.into())?;
    block_on(async {
        let progress = Progress::of("waiting for the answer", args.output);
        let answer = ask(args, &broker, data).await;
        drop(progress);
        broker.close().await;
        if let Ok(value) | Err(Failure::Call(CallError::Declared(value))) = &answer {
            print(value, args.output)?;
        }
        answer.map(|_| ExitCode::SUCCESS)
    })
}

async fn ask(args: &CallArgs, broker: &AmqpBroker, data: Json) -> Result<Json, Failure> {
    args.exchange.needed(broker, &args.event.topic).await?;
    let results: SharedResultBackend = match given(args.redis_url.as_ref()) {
        Some(url) => {
            let builder = RedisResults::builder(url)?;
            Arc::new(builder.global_keyprefix(&args.global_keyprefix).build())
        }
        None => Arc::new(AmqpResults::new(broker)),
    };
    let publisher = Publisher::to_broker(Arc::new(broker.clone()));
    let client = RpcClient::new(publisher, results);
    let event = &args.event;
    let answer = client
        .call_json(
            &event.topic,
            event.version(),
            data,
            args.timeout,
            event.options(),
        )
        .await;
    Ok(answer?)
}

/// The answer as indented JSON, or on one line with `--json`.
fn print(value: &Json, output: OutputArgs) -> Result<(), Failure> {
    match output.json {
        true => output::json(value),
        false => output::line(&format!("{value:#}")),
    }
}
