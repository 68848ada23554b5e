//! `celerysalt publish`.

use std::process::ExitCode;
use std::sync::Arc;

use celerysalt::publisher::Publisher;
use celerysalt_amqp::AmqpBroker;
use clap::Args;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::failure::Failure;
use crate::shared::block_on;
use crate::shared::broker::ExchangeArgs;
use crate::shared::event::EventArgs;
use crate::shared::output::{self, OutputArgs};

pub(crate) const EXAMPLES: [&str; 2] = [
    "celerysalt publish order.paid '{\"order_id\": 7}' --priority 5",
    "jq .order order.json | celerysalt publish order.paid - --eta 15m",
];

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    event: EventArgs,
    #[command(flatten)]
    exchange: ExchangeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Publishes an event; done when RabbitMQ has confirmed it.
///
/// # Errors
/// See [`Failure`].
pub(crate) fn run(args: &PublishArgs) -> Result<ExitCode, Failure> {
    let event = &args.event;
    let data = event.data()?;
    let broker = args.exchange.broker(event.dialect.into())?;
    block_on(async {
        let published = publish(args, &broker, data).await;
        broker.close().await;
        let id = published?;
        match args.output.json {
            true => {
                output::json(&json!({"id": id, "topic": event.topic, "version": event.version()}))?
            }
            false => output::line(&format!("published {} as {id}", event.topic))?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn publish(args: &PublishArgs, broker: &AmqpBroker, data: Json) -> Result<Uuid, Failure> {
    let event = &args.event;
    args.exchange.needed(broker, &event.topic).await?;
    let publisher = Publisher::to_broker(Arc::new(broker.clone()));
    let published = publisher.publish_json(&event.topic, event.version(), data, event.options());
    published.await.map_err(|source| Failure::Publish {
        exchange: args.exchange.exchange.clone(),
        source,
    })
}
