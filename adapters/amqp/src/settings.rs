//! How to reach RabbitMQ, and what to declare there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::clock::{SharedClock, SystemClock};
use celerysalt::topic::{PatternError, TopicPattern};
use lapin::uri::AMQPUri;
use url::{Host, Url};

use crate::broker::AmqpBroker;
use crate::tls::Tls;
use crate::wire::Dialect;

/// The environment variable that names the broker: `amqp://user:password@host:5672/vhost`, or `amqps://…`. RabbitMQ's query
/// parameters are understood: `heartbeat`, `channel_max`, `frame_max`, and of TLS `cacertfile`, `certfile` and `keyfile`.
pub const URL_VARIABLE: &str = "CELERYSALT_RABBITMQ_URL";

/// What kind of queue a service's is. A queue that exists keeps its kind: another one is refused by RabbitMQ (406).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueKind {
    /// A classic queue with priorities (`x-max-priority`), as celery-salt declares it.
    #[default]
    Priority,
    /// A classic queue without arguments, as Celery declares it by default.
    Classic,
    /// A replicated queue without priorities (`x-queue-type: quorum`), which dead-letters what it gives up.
    Quorum,
}

/// Why settings are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The URL cannot be read. It is not shown: it may hold a password.
    #[error(
        "the RabbitMQ URL cannot be read; write `amqp://user:password@host:5672/vhost` (`%2f` for the vhost `/`, `amqps` \
             for TLS, special characters in a password percent-encoded)"
    )]
    Url,
    /// A topic pattern is none.
    #[error("`{pattern}` is no topic pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate or key for TLS cannot be used. It is not shown.
    #[error("TLS to RabbitMQ: {what} cannot be used: {reason}")]
    Tls {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The environment names no broker.
    #[error(
        "no RabbitMQ URL: set CELERYSALT_RABBITMQ_URL to `amqp://user:password@host:5672/vhost`"
    )]
    NoUrl,
}

/// Sets up an [`AmqpBroker`]; see the methods for the defaults.
#[derive(Clone)]
#[must_use = "`build` makes the broker"]
pub struct AmqpBuilder {
    pub(crate) settings: Settings,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) uri: AMQPUri,
    pub(crate) tls: Tls,
    pub(crate) service: String,
    pub(crate) exchange: String,
    pub(crate) dialect: Dialect,
    pub(crate) dialects: Vec<(TopicPattern, Dialect)>,
    pub(crate) queue_kind: QueueKind,
    pub(crate) delays: String,
    pub(crate) window: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) confirm_timeout: Duration,
    pub(crate) declare_every: Duration,
    pub(crate) clock: SharedClock,
}

impl AmqpBuilder {
    pub(crate) fn new(url: &str) -> Result<Self, SettingsError> {
        let (uri, tls) = read(url)?;
        Ok(Self {
            settings: Settings {
                uri,
                tls,
                service: "celerysalt".to_owned(),
                exchange: "tchu_events".to_owned(),
                dialect: Dialect::default(),
                dialects: Vec::new(),
                queue_kind: QueueKind::default(),
                delays: "celerysalt_delayed".to_owned(),
                window: 1_000,
                connect_timeout: Duration::from_secs(10),
                confirm_timeout: Duration::from_secs(30),
                declare_every: Duration::from_secs(30),
                clock: Arc::new(SystemClock),
            },
        })
    }

    /// This service's name, in RabbitMQ's list of connections and as the messages' `origin`; `celerysalt` unless told.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.settings.service = name.into();
        self
    }

    /// The topic exchange of all events; `tchu_events` unless told, as in celery-salt and tchu-tchu.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.settings.exchange = name.into();
        self
    }

    /// Over TLS (`amqps`) trusts brokers whose certificate one of these CAs has signed, and no others; the system's CAs
    /// unless told. `pem` holds one certificate or more, as `cacertfile` in the URL names a file of.
    ///
    /// # Errors
    /// [`SettingsError::Tls`] when it holds none.
    pub fn ca_certificates(mut self, pem: &[u8]) -> Result<Self, SettingsError> {
        self.settings.tls.trust(pem)?;
        Ok(self)
    }

    /// Over TLS shows this certificate (and those of its chain, if any) to a broker that asks for one; as `certfile` and
    /// `keyfile` in the URL name files of. All in PEM.
    ///
    /// # Errors
    /// [`SettingsError::Tls`] when there is no certificate, or no private key.
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, SettingsError> {
        self.settings.tls.show(chain, key)?;
        Ok(self)
    }

    /// Whose workers are to understand what is published; celery-salt's unless told.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.settings.dialect = dialect;
        self
    }

    /// Whose workers are to understand the events of these topics, where that is not everybody's: a mesh in which some
    /// services are still on tchu-tchu. The first pattern that matches counts.
    ///
    /// # Errors
    /// [`SettingsError::Pattern`].
    pub fn dialect_of(mut self, pattern: &str, dialect: Dialect) -> Result<Self, SettingsError> {
        let parsed = pattern
            .parse()
            .map_err(|error: PatternError| SettingsError::Pattern {
                pattern: pattern.to_owned(),
                reason: error.to_string(),
            })?;
        self.settings.dialects.push((parsed, dialect));
        Ok(self)
    }

    /// What kind of queue services declare; one with priorities unless told.
    pub fn queue_kind(mut self, kind: QueueKind) -> Self {
        self.settings.queue_kind = kind;
        self
    }

    /// What the names of the delay exchanges and queues start with; `celerysalt_delayed` unless told. All services of a
    /// vhost may share one set.
    pub fn delay_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.delays = prefix.into();
        self
    }

    /// How many messages may wait for their confirmation at a time on a channel; 1,000 unless told.
    pub fn window(mut self, messages: usize) -> Self {
        self.settings.window = messages.max(1);
        self
    }

    /// How long a connection may take to open, and RabbitMQ to answer what it is asked over it; 10 s unless told.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.settings.connect_timeout = time;
        self
    }

    /// How long RabbitMQ may take to confirm; 30 s unless told. What is not confirmed by then counts as refused and is
    /// published again under the same id.
    pub fn confirm_timeout(mut self, time: Duration) -> Self {
        self.settings.confirm_timeout = time;
        self
    }

    /// How often workers declare their queues and bindings anew while they consume; every 30 s unless told. After so long
    /// at most a worker hears again what an exchange that was deleted has cut it off from.
    pub fn declare_every(mut self, time: Duration) -> Self {
        self.settings.declare_every = time;
        self
    }

    /// The clock that says whether an `eta` has come; the system's unless told.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// The broker. It connects when it is first used, and again whenever the connection is lost.
    pub fn build(self) -> AmqpBroker {
        AmqpBroker::new(self.settings)
    }
}

impl fmt::Debug for AmqpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.settings;
        f.debug_struct("AmqpBuilder")
            .field("broker", &s.place())
            .field("service", &s.service)
            .field("exchange", &s.exchange)
            .field("dialect", &s.dialect)
            .field("queue_kind", &s.queue_kind)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Where the broker is, without secrets, as a URL writes it: `host:5672/vhost`.
    pub(crate) fn place(&self) -> String {
        let AMQPUri {
            authority, vhost, ..
        } = &self.uri;
        let vhost = vhost.replace('/', "%2f");
        format!("{}:{}/{vhost}", authority.host, authority.port)
    }

    /// Whose workers are to understand the events of a topic.
    pub(crate) fn dialect_of(&self, topic: &str) -> Dialect {
        let own = self
            .dialects
            .iter()
            .find(|(pattern, _)| pattern.matches(topic));
        own.map_or(self.dialect, |(_, dialect)| *dialect)
    }

    /// As Celery names a writer: `program@host`.
    pub(crate) fn origin(&self) -> String {
        format!("celerysalt@{}", self.service)
    }
}

/// What a URL says, parts of which lapin does not read.
fn read(text: &str) -> Result<(AMQPUri, Tls), SettingsError> {
    let mut uri: AMQPUri = text.parse().map_err(|_| SettingsError::Url)?;
    let url = Url::parse(text).map_err(|_| SettingsError::Url)?;
    // lapin takes an address of IPv6 for no host at all, and connects to this machine.
    if let Some(Host::Ipv6(address)) = url.host() {
        uri.authority.host = address.to_string();
    }
    Ok((uri, Tls::of_url(&url)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_one_that_the_url_names() {
        let place = |url: &str| AmqpBuilder::new(url).unwrap().settings.place();
        assert_eq!(
            place("amqp://me:pw@rabbit.example/shop"),
            "rabbit.example:5672/shop"
        );
        assert_eq!(place("amqp://192.0.2.7:5673/%2f"), "192.0.2.7:5673/%2f");
        assert_eq!(place("amqps://[2001:db8::7]/%2f"), "2001:db8::7:5671/%2f");
    }
}
