//! What came with rows that are persisted, until it is stored elsewhere.

use crate::fired::Fired;

/// Says so in the log when something goes down with it: nobody will send or store it.
#[derive(Debug, Default)]
pub(crate) struct Unsent(pub(crate) Fired);

impl Drop for Unsent {
    fn drop(&mut self) {
        for event in &self.0.events {
            tracing::error!(
                event_id = %event.id,
                topic = %event.topic,
                aggregate = event.meta.aggregate,
                "an event of a persisted row is lost: its `Tracked` was dropped before an outbox took it"
            );
        }
        for transition in &self.0.transitions {
            tracing::error!(
                aggregate = transition.aggregate,
                field = transition.field,
                "a transition of a persisted row is lost: its `Tracked` was dropped before it was stored"
            );
        }
    }
}
