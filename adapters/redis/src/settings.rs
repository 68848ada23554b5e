//! How to reach Redis, and under which names results are stored.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use celerysalt::clock::{SharedClock, SystemClock};

use crate::results::RedisResults;

/// The environment variable that names the result backend: `redis://:password@host:6379/0`.
pub const URL_VARIABLE: &str = "CELERYSALT_REDIS_URL";

/// Why settings are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The URL cannot be read. It is not shown: it may hold a password.
    #[error(
        "the Redis URL cannot be read; write `redis://user:password@host:6379/0` (special characters in a password \
         percent-encoded; `rediss://` needs the feature `tls` of celerysalt-redis)"
    )]
    Url,
    /// The environment names no Redis.
    #[error("no Redis URL: set CELERYSALT_REDIS_URL to `redis://user:password@host:6379/0`")]
    NoUrl,
}

/// Sets up [`RedisResults`]; see the methods for the defaults.
#[derive(Clone)]
#[must_use]
pub struct RedisResultsBuilder {
    pub(crate) settings: Settings,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) client: redis::Client,
    pub(crate) prefix: String,
    pub(crate) keep: Duration,
    pub(crate) timeout: Duration,
    pub(crate) clock: SharedClock,
}

impl RedisResultsBuilder {
    pub(crate) fn new(url: &str) -> Result<Self, SettingsError> {
        let client = redis::Client::open(url).map_err(|_| SettingsError::Url)?;
        Ok(Self {
            settings: Settings {
                client,
                prefix: String::new(),
                keep: Duration::from_secs(86_400),
                timeout: Duration::from_secs(5),
                clock: Arc::new(SystemClock),
            },
        })
    }

    /// What stands before every key: Celery's `global_keyprefix`, which gains a `_` unless it ends in `:`, `_`, `-` or
    /// `.`. None unless told.
    pub fn global_keyprefix(mut self, prefix: &str) -> Self {
        let joins = prefix.is_empty() || prefix.ends_with([':', '_', '-', '.']);
        self.settings.prefix = if joins {
            prefix.to_owned()
        } else {
            format!("{prefix}_")
        };
        self
    }

    /// How long an answer is kept, in whole seconds: Celery's `result_expires`, one day unless told.
    pub fn result_expires(mut self, time: Duration) -> Self {
        self.settings.keep = time.max(Duration::from_secs(1));
        self
    }

    /// How long Redis may take to answer a command or a new connection; 5 s unless told.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// The clock of `date_done`; the system's unless told.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// The backend. It connects when it is first used, and again whenever a connection is lost.
    pub fn build(self) -> RedisResults {
        RedisResults::new(self.settings)
    }
}

impl fmt::Debug for RedisResultsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisResultsBuilder")
            .field("redis", &self.settings.place())
            .field("prefix", &self.settings.prefix)
            .field("keep", &self.settings.keep)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Where Redis is, without secrets.
    pub(crate) fn place(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// The key of a task's result, which is also the channel on which it is published.
    pub(crate) fn key(&self, task: &str) -> String {
        format!("{}celery-task-meta-{task}", self.prefix)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(prefix: &str) -> String {
        let builder = RedisResultsBuilder::new("redis://127.0.0.1/0").unwrap();
        builder.global_keyprefix(prefix).settings.key("7")
    }

    #[test]
    fn a_prefix_is_joined_as_celery_joins_it() {
        assert_eq!(key(""), "celery-task-meta-7");
        assert_eq!(key("shop"), "shop_celery-task-meta-7");
        for joined in ["shop:", "shop_", "shop-", "shop."] {
            assert_eq!(key(joined), format!("{joined}celery-task-meta-7"));
        }
    }

    #[test]
    fn no_url_and_no_password_is_shown() {
        let error = RedisResultsBuilder::new("redis://:s3cret@host:port/").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let builder = RedisResultsBuilder::new("redis://:s3cret@127.0.0.1:6379/0").unwrap();
        assert!(!format!("{builder:?} {:?}", builder.clone().build()).contains("s3cret"));
    }
}
