//! Events of rows that are persisted, until an outbox has taken them.

use celerysalt::event::Envelope;

/// Says so in the log when events go down with it: nobody will send them.
#[derive(Debug, Default)]
pub(crate) struct Unsent(pub(crate) Vec<Envelope>);

impl Drop for Unsent {
    fn drop(&mut self) {
        for event in &self.0 {
            tracing::error!(
                event_id = %event.id,
                topic = %event.topic,
                aggregate = event.meta.aggregate,
                "an event of a persisted row is lost: its `Tracked` was dropped before an outbox took it"
            );
        }
    }
}
