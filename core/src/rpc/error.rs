//! Why a call has no response.

use std::time::Duration;

use super::{Mismatch, ResultError};
use crate::publisher::PublisherError;

/// Why a call has no response. `E` is the request's declared error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The handler answered with its declared error.
    #[error("the handler answered with its declared error")]
    Declared(E),
    /// No answer came in time. The handler may still run.
    #[error("no answer within {} s", .after.as_secs_f64())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// No service is bound to the topic, or the one that is has no handler for this version.
    #[error("nobody answers `{topic}`; start the service that does, and compare the versions")]
    NoHandler {
        /// The topic.
        topic: String,
    },
    /// The handler failed.
    #[error("handler `{handler}` failed: {error}")]
    HandlerFailed {
        /// Its name.
        handler: String,
        /// What it reports.
        error: String,
    },
    /// The request does not fit: its own schema, and then it was not sent, or what the handler takes that got it.
    #[error("the request is invalid {0}")]
    InvalidRequest(Mismatch),
    /// What the handler answered fits neither the response nor the declared error, as the worker or the caller knows them.
    #[error("the answer is invalid {0}")]
    InvalidResponse(Mismatch),
    /// The request could not be published.
    #[error(transparent)]
    Publish(PublisherError),
    /// The result backend failed; the handler may still run.
    #[error(transparent)]
    Backend(ResultError),
}
