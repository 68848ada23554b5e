//! What ends a command early, and its exit code.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use celerysalt::broker::{BrokerError, PublishError};
use celerysalt::outbox::OutboxError;
use celerysalt::publisher::PublisherError;
use celerysalt::rpc::{CallError, ResultError};
use celerysalt::topic::PatternError;
use serde_json::Value as Json;

use crate::error::InputError;

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("no URL: set {variable}, or give {option}")]
    NoUrl {
        option: &'static str,
        variable: &'static str,
    },
    #[error(transparent)]
    RabbitUrl(#[from] celerysalt_amqp::SettingsError),
    #[error(transparent)]
    RedisUrl(#[from] celerysalt_redis::SettingsError),
    #[error(
        "the database URL cannot be read; write `postgres://user:password@host/name`, `mysql://user:password@host/name` or \
         `sqlite:/path/to/file.db` (special characters in a password percent-encoded)"
    )]
    DatabaseUrl,
    #[error("the topic is empty; write dotted words, as in order.paid")]
    NoTopic,
    #[error("{0}")]
    Topic(#[from] PatternError),
    #[error("topic `{topic}` has a wildcard; an event has one topic, `*` and `#` are for patterns")]
    WildcardTopic { topic: String },
    #[error("the event's data is not JSON: {0}; write an object, as in '{{\"order_id\": 7}}'")]
    Data(serde_json::Error),
    #[error(
        "the event's data is {found}; write an object of its fields, as in '{{\"order_id\": 7}}'"
    )]
    DataShape { found: &'static str },
    #[error(
        "the event's data has a number that would lose digits on its way; write it as a string, which decimals are read from"
    )]
    WideNumber,
    #[error("which ones? give --id, --before or --all")]
    NoSelection,
    #[error("which ones? give --id, --unrouted or --all")]
    NoRetry,
    #[error("there is no terminal to ask on; say --yes if you mean it")]
    Unconfirmed,
    #[error("nothing was purged")]
    Declined,
    #[error("there is no dead letter of {}; `dlq list` shows what there is", events(*.asked))]
    NoLetter { asked: usize },
    #[error("{}", not_waiting(*.asked))]
    NothingWaits { asked: usize },
    #[error("standard input cannot be read: {0}")]
    StandardInput(io::Error),
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    #[error("the command cannot start: {0}")]
    Runtime(io::Error),
    #[error("{0}{hint}", hint = queue_hint(.0))]
    DeadLetters(BrokerError),
    #[error("{}", of_exchange(.exchange, .source))]
    Exchange {
        exchange: String,
        source: BrokerError,
    },
    #[error(
        "nobody hears `{topic}`: there is no exchange `{exchange}` (--exchange takes the name that the services use; a subscriber \
         declares it at its start)"
    )]
    NoExchange { exchange: String, topic: String },
    #[error("the database at {place} cannot be used: {}", of_database(.source))]
    Database { place: String, source: sqlx::Error },
    #[error(
        "the database at {place} does not answer within {after:?}; is it up, and the address right?"
    )]
    DatabaseTimeout { place: String, after: Duration },
    #[error("{}", with_causes(.0))]
    Outbox(#[from] OutboxError),
    #[error("{source}{hint}", hint = exchange_hint(.exchange, .source))]
    Publish {
        exchange: String,
        source: PublisherError,
    },
    #[error("{}", answerless(.0))]
    Call(#[from] CallError<Json>),
}

impl Failure {
    /// Its code, as [`EXIT_CODES`](crate::help::EXIT_CODES) tells.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Declined | Self::NoLetter { .. } | Self::NothingWaits { .. } => 1,
            Self::DeadLetters(_)
            | Self::Exchange { .. }
            | Self::Database { .. }
            | Self::DatabaseTimeout { .. }
            | Self::Outbox(_) => 3,
            Self::NoExchange { .. } => 4,
            Self::Publish { source, .. } => of_publishing(source),
            Self::Call(error) => of_a_call(error),
            _ => 2,
        })
    }

    /// Whether whoever read the output has gone, as in `… | head`: no failure, and nobody to tell.
    pub(crate) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) | Self::Input(InputError::Output(error))
            if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn of_publishing(error: &PublisherError) -> u8 {
    match error {
        PublisherError::Broker(PublishError::Unroutable { .. }) => 4,
        PublisherError::Broker(PublishError::Invalid { .. }) => 2,
        PublisherError::Broker(_) | PublisherError::Outbox(_) => 3,
        _ => 2,
    }
}

fn of_a_call(error: &CallError<Json>) -> u8 {
    match error {
        CallError::NoHandler { .. } => 4,
        CallError::Timeout { .. } => 5,
        CallError::Declared(_) => 6,
        CallError::Publish(error) => of_publishing(error),
        CallError::Backend(ResultError::Unreachable { .. }) => 3,
        CallError::InvalidRequest(_) => 2,
        _ => 7,
    }
}

fn events(asked: usize) -> &'static str {
    match asked {
        1 => "this event",
        _ => "these events",
    }
}

fn not_waiting(asked: usize) -> &'static str {
    match asked {
        1 => "this event neither waits nor was given up: it is on its way, delivered, or unknown",
        _ => {
            "none of these events waits or was given up: they are on their way, delivered, or unknown"
        }
    }
}

fn queue_hint(error: &BrokerError) -> &'static str {
    match error {
        BrokerError::Queue { .. } => {
            " (--queue takes the name of a service's queue, without `.dead`)"
        }
        _ => "",
    }
}

fn exchange_hint(exchange: &str, error: &PublisherError) -> String {
    match error {
        PublisherError::Broker(PublishError::Unroutable { .. }) => {
            format!(" (on exchange `{exchange}`)")
        }
        _ => String::new(),
    }
}

/// A viewer's queue has a name that says nothing to anybody.
fn of_exchange(exchange: &str, error: &BrokerError) -> String {
    match error {
        BrokerError::Queue { reason, .. } => format!("exchange `{exchange}`: {reason}"),
        _ => error.to_string(),
    }
}

/// A call's failure, with what may be done about it.
fn answerless(error: &CallError<Json>) -> String {
    match error {
        CallError::Timeout { .. } => format!(
            "{error}; the handler may still run: is its worker up, with the same results (Redis, or RabbitMQ) as this call, or is \
             --timeout too short?"
        ),
        _ => error.to_string(),
    }
}

/// The database's own words, without the line of its source code and the like, and what may be at fault.
fn of_database(error: &sqlx::Error) -> String {
    let Some(said) = error.as_database_error() else {
        return error.to_string();
    };
    let look_at = match said.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => "the path, and who may read and write there",
        None => "the URL's database, user and password",
    };
    format!("{}; check {look_at}", said.message())
}

/// An error with the causes that it does not tell itself.
fn with_causes(error: &OutboxError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}
