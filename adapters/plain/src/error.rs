//! Why a followed save failed, and what has happened by then.

use celerysalt::follow::FollowError;
use celerysalt::outbox::OutboxError;
use celerysalt::publisher::PublisherError;

/// Why a save failed; `E` is your persist's own error.
///
/// After [`Outbox`](Self::Outbox) and [`Publish`](Self::Publish) the row is persisted and its events wait in the
/// [`Tracked`](crate::Tracked) to be sent. After every other error nothing has fired and the `Tracked` is as before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError<E> {
    /// Your persist failed.
    #[error("the row was not persisted, nothing was fired")]
    Persist(#[source] E),
    /// The save was refused before anything was persisted: rules that it would attach are wrong, or the chain of
    /// events is too deep.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// The row to delete was never persisted.
    #[error(
        "this {model} was never persisted, so there is nothing to delete; a row that stands in your store is \
         made known by `Tracked::loaded`"
    )]
    NeverPersisted {
        /// The model.
        model: &'static str,
    },
    /// The row is persisted, but the outbox did not take its events: call the same again, or `flush`.
    #[error(
        "the row is persisted, but the outbox did not take its events; they wait in `Tracked`: call this again, or flush"
    )]
    Outbox(#[source] OutboxError),
    /// The row is persisted, but not all of its events were published: call the same again, or `flush`.
    #[error(
        "the row is persisted, but its events were not published; they wait in `Tracked`: call this again, or flush"
    )]
    Publish(#[source] PublisherError),
}

impl<E> SaveError<E> {
    /// Your persist's own error, if that is what failed.
    pub fn into_persist(self) -> Option<E> {
        match self {
            Self::Persist(error) => Some(error),
            _ => None,
        }
    }
}

impl<E> From<PublisherError> for SaveError<E> {
    fn from(error: PublisherError) -> Self {
        match error {
            PublisherError::Outbox(error) => Self::Outbox(error),
            error => Self::Publish(error),
        }
    }
}
