//! RabbitMQ, as the command line names it.

use celerysalt::broker::BrokerError;
use celerysalt_amqp::wire::Dialect;
use celerysalt_amqp::{AmqpBroker, AmqpBuilder, URL_VARIABLE};
use clap::{Args, ValueEnum};

use super::url::{Url, needed};
use crate::failure::Failure;

/// Where RabbitMQ is.
#[derive(Debug, Args)]
pub(crate) struct RabbitArgs {
    /// RabbitMQ: amqp://user:password@host:5672/vhost, or amqps://….
    #[arg(long, value_name = "URL", env = URL_VARIABLE, hide_env_values = true)]
    rabbitmq_url: Option<Url>,
}

/// RabbitMQ and the exchange of the events.
#[derive(Debug, Args)]
pub(crate) struct ExchangeArgs {
    #[command(flatten)]
    rabbit: RabbitArgs,
    /// The topic exchange of all events.
    #[arg(long, value_name = "NAME", default_value = "tchu_events")]
    pub(crate) exchange: String,
}

/// Whose workers are to understand what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// Workers of celery-salt and of this library.
    CelerySalt,
    /// Workers of tchu-tchu, which know no other.
    TchuTchu,
}

impl From<DialectArg> for Dialect {
    fn from(dialect: DialectArg) -> Self {
        match dialect {
            DialectArg::CelerySalt => Dialect::CelerySalt,
            DialectArg::TchuTchu => Dialect::TchuTchu,
        }
    }
}

impl RabbitArgs {
    /// The broker; it connects when it is first used.
    ///
    /// # Errors
    /// A URL that is missing or cannot be read.
    pub(crate) fn broker(&self) -> Result<AmqpBroker, Failure> {
        Ok(self.builder()?.build())
    }

    fn builder(&self) -> Result<AmqpBuilder, Failure> {
        let url = needed(self.rabbitmq_url.as_ref(), "--rabbitmq-url", URL_VARIABLE)?;
        Ok(AmqpBroker::builder(url)?.service("celerysalt-cli"))
    }
}

impl ExchangeArgs {
    /// The broker of this exchange; it connects when it is first used.
    ///
    /// # Errors
    /// A URL that is missing or cannot be read.
    pub(crate) fn broker(&self, dialect: Dialect) -> Result<AmqpBroker, Failure> {
        let builder = self.rabbit.builder()?;
        Ok(builder.exchange(&self.exchange).dialect(dialect).build())
    }

    /// Sees to it that an event finds its exchange. One that is not there is not made: nobody could be bound to it, and a
    /// slip of the pen would stay at the broker.
    ///
    /// # Errors
    /// [`Failure::NoExchange`], and [`Failure::Exchange`] when the broker cannot be asked.
    pub(crate) async fn needed(&self, broker: &AmqpBroker, topic: &str) -> Result<(), Failure> {
        match broker.exchange_exists().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::NoExchange {
                exchange: self.exchange.clone(),
                topic: topic.to_owned(),
            }),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// The broker refuses this exchange, or cannot be reached.
    pub(crate) fn failed(&self, source: BrokerError) -> Failure {
        Failure::Exchange {
            exchange: self.exchange.clone(),
            source,
        }
    }
}
