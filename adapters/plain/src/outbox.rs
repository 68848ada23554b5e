//! Where the events of persisted rows go.

use std::future::Future;
use std::sync::Arc;

use celerysalt::clock;
use celerysalt::event::Envelope;
use celerysalt::outbox::OutboxStore;
use celerysalt::publisher::{Publisher, PublisherError};

/// What takes the events of a save: an outbox store behind an `Arc`, such as a
/// [`SharedOutbox`](celerysalt::outbox::SharedOutbox), or a [`Publisher`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no events",
    note = "hand over a `&Publisher`, or a `&Arc<…>` of an outbox store (`&SharedOutbox`)"
)]
pub trait Outbox: sealed::Sealed + Sync {
    /// Sends events in order and takes those away that are sent.
    #[doc(hidden)]
    fn take(
        &self,
        events: &mut Vec<Envelope>,
    ) -> impl Future<Output = Result<(), PublisherError>> + Send;
}

impl<S: OutboxStore + ?Sized> Outbox for Arc<S> {
    async fn take(&self, events: &mut Vec<Envelope>) -> Result<(), PublisherError> {
        if !events.is_empty() {
            self.append(events, clock::ambient().now()).await?;
            events.clear();
        }
        Ok(())
    }
}

impl Outbox for Publisher {
    async fn take(&self, events: &mut Vec<Envelope>) -> Result<(), PublisherError> {
        while let Some(first) = events.first() {
            self.send(first).await?;
            events.remove(0);
        }
        Ok(())
    }
}

mod sealed {
    use std::sync::Arc;

    use celerysalt::outbox::OutboxStore;
    use celerysalt::publisher::Publisher;

    pub trait Sealed {}

    impl<S: OutboxStore + ?Sized> Sealed for Arc<S> {}
    impl Sealed for Publisher {}
}
