//! Why an argument could not be made.

use crate::handler::HandlerError;

/// Why an argument could not be made; decides what becomes of the event.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The event's data does not fit the type: dead-lettered at once.
    #[error("topic `{topic}`: the payload does not fit `{expected}` at `{path}`: {reason}")]
    Invalid {
        /// The event's topic.
        topic: String,
        /// The type that was to be read.
        expected: &'static str,
        /// Where in the payload: `items[0].sku`; `.` is the whole.
        path: String,
        /// The same place as a JSON pointer: `/items/0/sku`.
        pointer: String,
        /// What does not fit.
        reason: String,
    },
    /// The worker was not given a value of this type: the handler has failed, not to be retried.
    #[error(
        "handler `{handler}` needs state of type `{expected}`, and no such state was given to the worker"
    )]
    MissingState {
        /// The type.
        expected: &'static str,
        /// The handler that wants it.
        handler: String,
    },
    /// An extractor of the application's own decides.
    #[error(transparent)]
    Handler(#[from] HandlerError),
}

impl From<Rejection> for HandlerError {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Handler(error) => error,
            Rejection::Invalid { ref pointer, .. } => Self::Invalid {
                pointer: pointer.clone(),
                error: rejection.to_string(),
            },
            missing @ Rejection::MissingState { .. } => Self::Failed {
                error: missing.to_string(),
                retryable: false,
            },
        }
    }
}
