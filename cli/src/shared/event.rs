//! The event that `publish` and `call` send.

use std::io;

use celerysalt::json::{keep_digits, kind};
use celerysalt::publisher::PublishOptions;
use celerysalt::topic::TopicPattern;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value as Json;
use uuid::Uuid;

use super::broker::DialectArg;
use super::when;
use crate::failure::Failure;

/// An event, as the command line has it.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// The topic: dotted words, as in order.paid.
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: String,
    /// The event's data: a JSON object, or - to read it from standard input.
    #[arg(value_name = "JSON")]
    data: String,
    /// The version of the event's schema; empty for none, as old publishers send.
    #[arg(long, value_name = "VERSION", default_value = "v1")]
    schema_version: String,
    /// 0 (lowest) to 10; higher goes first.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=10))]
    priority: Option<u8>,
    /// Not to be handled before this instant (2026-01-31T12:00:00Z), or so long from now (15m).
    #[arg(long, value_name = "WHEN", value_parser = when::future)]
    eta: Option<DateTime<Utc>>,
    /// Not to be handled after this instant, or so long from now.
    #[arg(long, value_name = "WHEN", value_parser = when::future)]
    expires: Option<DateTime<Utc>>,
    /// What ties this event to others, in logs and traces; its own id unless told.
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Whose workers are to understand it.
    #[arg(long, value_enum, default_value = "celery-salt")]
    pub(crate) dialect: DialectArg,
}

/// A text that is no event's id.
#[derive(Debug, thiserror::Error)]
#[error("write an event's id as it is listed: 01980c2e-5f00-7000-8000-000000000000")]
pub(crate) struct BadId(#[from] uuid::Error);

/// The id of an event.
pub(crate) fn id(text: &str) -> Result<Uuid, BadId> {
    Ok(text.parse()?)
}

impl EventArgs {
    pub(crate) fn version(&self) -> Option<&str> {
        Some(self.schema_version.as_str()).filter(|version| !version.is_empty())
    }

    pub(crate) fn options(&self) -> PublishOptions {
        PublishOptions {
            eta: self.eta,
            expires: self.expires,
            priority: self.priority,
            correlation_id: self.correlation_id.clone(),
            ..PublishOptions::default()
        }
    }

    /// The event's data; also checks the topic.
    ///
    /// # Errors
    /// A topic that is none, data that is no JSON object or has numbers that would lose digits.
    pub(crate) fn data(&self) -> Result<Json, Failure> {
        if self.topic.is_empty() {
            return Err(Failure::NoTopic);
        }
        let _: TopicPattern = self.topic.parse()?;
        if self.topic.split('.').any(|word| word == "*" || word == "#") {
            return Err(Failure::WildcardTopic {
                topic: self.topic.clone(),
            });
        }
        let text = match self.data.as_str() {
            "-" => io::read_to_string(io::stdin().lock()).map_err(Failure::StandardInput)?,
            text => text.to_owned(),
        };
        let data: Json = serde_json::from_str(&text).map_err(Failure::Data)?;
        if !data.is_object() {
            return Err(Failure::DataShape { found: kind(&data) });
        }
        if keep_digits(&text) != text {
            return Err(Failure::WideNumber);
        }
        Ok(data)
    }
}
