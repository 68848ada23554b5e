//! The result backend port: where answers wait for their callers.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::Answer;
use crate::event::Envelope;

/// Carries answers from workers to callers (Celery's term).
///
/// Contract:
/// - `expect` is called before the request is published; from its return on no answer is missed, also one
///   that comes before the future is polled. One that was stored before `expect` is found by a backend that keeps
///   answers (in memory, in Redis); one that only carries them (RabbitMQ) has no place for it.
/// - The first answer to a request counts; later ones change nothing.
/// - One backend serves many callers at once; dropping the future ends the waiting and nothing else.
#[async_trait]
pub trait ResultBackend: Send + Sync + 'static {
    /// Prepares for the answer to this request, and gives the future of it.
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError>;

    /// Stores the answer to a request; durable as far as the backend is when it returns.
    ///
    /// # Errors
    /// [`ResultError::Unreachable`] may be tried again. [`ResultError::TooLarge`] says that this answer will never be taken;
    /// the worker then stores a failure in its place that tells the caller so.
    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError>;

    /// What the request names as `reply_to`, for transports that answer directly; to be asked after `expect`, which may
    /// change it.
    fn reply_to(&self) -> Option<String> {
        None
    }
}

/// A backend that many own.
pub type SharedResultBackend = Arc<dyn ResultBackend>;

/// Ends with the answer.
pub type PendingAnswer = BoxFuture<'static, Result<Answer, ResultError>>;

/// Why a result backend failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// It is not there; may be tried again.
    #[error("the result backend is not reachable: {reason}")]
    Unreachable {
        /// The cause, without secrets.
        reason: String,
    },
    /// An answer is larger than the backend takes, now and ever.
    #[error("an answer of {bytes} bytes can never be stored: {reason}")]
    TooLarge {
        /// How large it is, as it would be stored.
        bytes: usize,
        /// What the backend takes, and how to mend it; without secrets.
        reason: String,
    },
    /// An answer came that is none.
    #[error(transparent)]
    Answer(#[from] super::AnswerError),
}
