//! What is declared at the broker: exchanges, queues and their bindings, each idempotently.

use std::sync::Arc;

use celerysalt::broker::{BrokerError, QueueSpec};
use lapin::options::{
    ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::delay::{self, LEVELS, LONGEST_QUEUE_NAME};
use crate::failure::{is_not_found, of_queue, short};
use crate::settings::{QueueKind, Settings};

/// The exchange through which dead letters go to their service's dead-letter queue.
pub(crate) const DEAD_EXCHANGE: &str = "celerysalt_dead";

/// The dead-letter queue of a service's queue.
pub(crate) fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// The exchange of a level of delays.
pub(crate) fn delay_exchange(prefix: &str, level: u32) -> String {
    format!("{prefix}_{level}")
}

/// Whether an exchange is one of a level of delays.
pub(crate) fn is_delay(prefix: &str, exchange: &str) -> bool {
    let level = exchange
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'));
    level.is_some_and(|level| level.parse::<u32>().is_ok())
}

fn delivery_exchange(prefix: &str) -> String {
    format!("{prefix}_delivery")
}

/// Declares over one channel, which a refusal closes.
pub(crate) struct Declaring<'a> {
    pub(crate) channel: &'a Channel,
    pub(crate) settings: &'a Arc<Settings>,
}

impl Declaring<'_> {
    /// The exchange of all events.
    pub(crate) async fn events(&self) -> Result<(), BrokerError> {
        self.exchange(&self.settings.exchange, ExchangeKind::Topic)
            .await
    }

    /// Whether the exchange of all events is there, which declares nothing.
    pub(crate) async fn finds_events(&self) -> Result<bool, BrokerError> {
        let name = self.settings.exchange.as_str();
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let found = self.channel.exchange_declare(
            short("name of an exchange", name)?,
            ExchangeKind::Topic,
            passive,
            FieldTable::default(),
        );
        let found = async {
            match found.await {
                Ok(()) => Ok(true),
                Err(error) if is_not_found(&error) => Ok(false),
                Err(error) => Err(of_queue(name, &error)),
            }
        };
        self.settings.asked(self.channel, name, found).await
    }

    /// A service's queue with its bindings, its dead-letter queue, and its way back from delays.
    pub(crate) async fn service(&self, spec: &QueueSpec) -> Result<(), BrokerError> {
        check_name(&spec.name)?;
        self.events().await?;
        self.dead_letters(&spec.name).await?;
        self.queue(&spec.name, arguments(self.settings.queue_kind, spec))
            .await?;
        for pattern in &spec.bindings {
            self.bind(&spec.name, &self.settings.exchange, pattern)
                .await?;
        }
        let delivery = delivery_exchange(&self.settings.delays);
        self.exchange(&delivery, ExchangeKind::Topic).await?;
        let pattern = delay::queue_pattern(&spec.name);
        self.bind(&spec.name, &delivery, &pattern).await
    }

    /// Takes these patterns' events away from a queue.
    pub(crate) async fn unbind(&self, queue: &str, patterns: &[String]) -> Result<(), BrokerError> {
        for pattern in patterns {
            let unbound = self.channel.queue_unbind(
                short("name of a queue", queue)?,
                short("name of an exchange", &self.settings.exchange)?,
                short("pattern of a binding", pattern)?,
                FieldTable::default(),
            );
            self.asked(queue, unbound).await?;
        }
        Ok(())
    }

    /// The dead-letter queue of a service's queue, and the way to it.
    pub(crate) async fn dead_letters(&self, queue: &str) -> Result<(), BrokerError> {
        self.exchange(DEAD_EXCHANGE, ExchangeKind::Direct).await?;
        let dead = dead_queue(queue);
        self.queue(&dead, FieldTable::default()).await?;
        self.bind(&dead, DEAD_EXCHANGE, queue).await
    }

    /// The levels of delays. Their queues are quorum queues that pass on at least once: a message on its way from level
    /// to level survives a restart of the broker.
    pub(crate) async fn delays(&self) -> Result<(), BrokerError> {
        let prefix = &self.settings.delays;
        let mut next = delivery_exchange(prefix);
        self.exchange(&next, ExchangeKind::Topic).await?;
        for level in 0..LEVELS {
            let here = delay_exchange(prefix, level);
            self.exchange(&here, ExchangeKind::Topic).await?;
            self.queue(&here, waiting(level, &next)).await?;
            self.bind(&here, &here, &delay::bit_pattern(level, 1))
                .await?;
            self.lead(&here, &next, &delay::bit_pattern(level, 0))
                .await?;
            next = here;
        }
        Ok(())
    }

    async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), BrokerError> {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let named = short("name of an exchange", name)?;
        let declared = self
            .channel
            .exchange_declare(named, kind, durable, FieldTable::default());
        self.asked(name, declared).await
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), BrokerError> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let named = short("name of a queue", name)?;
        let declared = self.channel.queue_declare(named, durable, arguments);
        self.asked(name, declared).await.map(drop)
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), BrokerError> {
        let options = QueueBindOptions::default();
        let bound = self.channel.queue_bind(
            short("name of a queue", queue)?,
            short("name of an exchange", exchange)?,
            short("pattern of a binding", key)?,
            options,
            FieldTable::default(),
        );
        self.asked(queue, bound).await
    }

    /// Binds an exchange to another, which it feeds.
    async fn lead(&self, from: &str, to: &str, key: &str) -> Result<(), BrokerError> {
        let options = ExchangeBindOptions::default();
        let bound = self.channel.exchange_bind(
            short("name of an exchange", to)?,
            short("name of an exchange", from)?,
            short("pattern of a binding", key)?,
            options,
            FieldTable::default(),
        );
        self.asked(to, bound).await
    }

    async fn asked<T>(
        &self,
        name: &str,
        answer: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, BrokerError> {
        let answer = async { answer.await.map_err(|error| of_queue(name, &error)) };
        self.settings.asked(self.channel, name, answer).await
    }
}

/// A queue's name is the end of routing keys, where a wildcard would take other queues' messages.
pub(crate) fn check_name(name: &str) -> Result<(), BrokerError> {
    let wrong = |reason: String| BrokerError::Queue {
        queue: name.to_owned(),
        reason,
    };
    if name.is_empty() || name.len() > LONGEST_QUEUE_NAME - ".dead".len() {
        let most = LONGEST_QUEUE_NAME - ".dead".len();
        return Err(wrong(format!(
            "its name has {} bytes; take 1 to {most}",
            name.len()
        )));
    }
    if name.split('.').any(|word| word == "*" || word == "#") {
        return Err(wrong(
            "its name has a word `*` or `#`, which are wildcards of topics; take another name"
                .to_owned(),
        ));
    }
    Ok(())
}

fn arguments(kind: QueueKind, spec: &QueueSpec) -> FieldTable {
    match kind {
        QueueKind::Priority => table([(
            "x-max-priority",
            AMQPValue::LongInt(spec.max_priority.into()),
        )]),
        QueueKind::Classic => FieldTable::default(),
        // What a quorum queue gives up (RabbitMQ 4: after 20 deliveries) would be dropped without an exchange.
        QueueKind::Quorum => table([
            ("x-queue-type", text("quorum")),
            ("x-dead-letter-exchange", text(DEAD_EXCHANGE)),
            ("x-dead-letter-routing-key", text(&spec.name)),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ]),
    }
}

fn waiting(level: u32, next: &str) -> FieldTable {
    table([
        ("x-queue-type", text("quorum")),
        (
            "x-message-ttl",
            AMQPValue::LongLongInt(delay::lifetime(level)),
        ),
        ("x-dead-letter-exchange", text(next)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ])
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(ShortString::from(name), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
