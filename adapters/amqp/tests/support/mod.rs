//! A RabbitMQ for tests: names of the test's own on the server that the environment names.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

pub(crate) mod calculator;
pub(crate) mod load;
pub(crate) mod node;
// Tests over Redis bring it once more, with that one's support.
#[allow(clippy::duplicate_mod)]
#[path = "../../../redis/tests/support/port.rs"]
mod port;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod python;
pub(crate) mod rust;
pub(crate) mod tries;

use std::io::Write;

use celerysalt_amqp::{AmqpBroker, AmqpBuilder};
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use uuid::Uuid;

/// Tells what a test has measured, also when it passes: the harness keeps what the print macros print.
pub(crate) fn figures(told: std::fmt::Arguments<'_>) {
    let mut past_the_harness = std::io::stdout();
    writeln!(past_the_harness, "figures: {told}").unwrap();
}

/// The server of the tests.
pub(crate) fn url() -> String {
    std::env::var("CELERYSALT_TEST_RABBITMQ_URL").expect(
        "CELERYSALT_TEST_RABBITMQ_URL names a RabbitMQ; `cargo xtask services up` starts one",
    )
}

/// What a test declares carries its mark, and goes when the test ends.
pub(crate) struct Mesh {
    pub(crate) mark: String,
    pub(crate) broker: AmqpBroker,
}

impl Mesh {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(set: impl FnOnce(AmqpBuilder) -> AmqpBuilder) -> Self {
        let mark = format!("t{}", Uuid::new_v4().simple());
        Self {
            broker: set(Self::builder(&mark)).build(),
            mark,
        }
    }

    /// The settings of all brokers of a mesh, in this process and in others.
    pub(crate) fn builder(mark: &str) -> AmqpBuilder {
        AmqpBroker::builder(&url())
            .unwrap()
            .exchange(format!("{mark}-events"))
            .service(mark)
    }

    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.mark)
    }

    /// A channel of the test's own.
    pub(crate) async fn channel() -> (Connection, Channel) {
        let connection = Connection::connect(&url(), ConnectionProperties::default())
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// How many messages wait in a queue.
    pub(crate) async fn waiting(queue: &str) -> u32 {
        let (connection, channel) = Self::channel().await;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
        let count = declared.await.unwrap().message_count();
        connection.close(200, "done".into()).await.unwrap();
        count
    }

    /// Removes these queues with their dead letters, and the exchange.
    pub(crate) async fn remove(&self, queues: &[String]) {
        self.broker.close().await;
        let (connection, channel) = Self::channel().await;
        for queue in queues {
            for name in [queue.clone(), format!("{queue}.dead")] {
                channel
                    .queue_delete(name.into(), QueueDeleteOptions::default())
                    .await
                    .unwrap();
            }
        }
        let exchange = format!("{}-events", self.mark);
        channel
            .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
            .await
            .unwrap();
        connection.close(200, "done".into()).await.unwrap();
    }
}
