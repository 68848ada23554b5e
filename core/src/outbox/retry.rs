//! Events that are tried at once, since somebody has mended what they failed of.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{HandlerProgress, Progress};

/// Which events of an outbox are to be tried at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetrySelection {
    /// All that wait for their next try: they failed, or nobody was bound for them.
    Waiting,
    /// All that were given up for want of a subscriber.
    Unrouted,
    /// These, if they wait or were given up for want of a subscriber.
    Events(Vec<Uuid>),
}

impl RetrySelection {
    /// Whether an event is among them that is not claimed and either waits or is unrouted.
    pub fn covers(&self, event: Uuid, unrouted: bool) -> bool {
        match self {
            Self::Waiting => !unrouted,
            Self::Unrouted => unrouted,
            Self::Events(events) => events.contains(&event),
        }
    }
}

impl Progress {
    /// Lets handlers that wait for their next try run now; whether any did.
    pub fn hasten(&mut self, now: DateTime<Utc>) -> bool {
        let mut hastened = false;
        for progress in self.0.values_mut() {
            if let HandlerProgress::Retry { at, .. } = progress
                && *at > now
            {
                *at = now;
                hastened = true;
            }
        }
        hastened
    }
}
