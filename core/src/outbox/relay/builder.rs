//! How a relay is set up.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Backoff, Destination, Grouping, SharedOutbox};
use super::{Core, Relay, RelayHealth};
use crate::clock::{self, SharedClock};

/// Sets up a [`Relay`]; every setting has a default.
#[must_use]
pub struct RelayBuilder {
    store: SharedOutbox,
    destination: Arc<dyn Destination>,
    settings: Settings,
    in_flight: Option<usize>,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) clock: SharedClock,
    pub(super) batch: usize,
    pub(super) in_flight: usize,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) backoff: Backoff,
    pub(super) unroutable_retention: Duration,
    pub(super) retention: Duration,
    pub(super) grace: Duration,
}

const HOUR: Duration = Duration::from_secs(3600);

impl RelayBuilder {
    pub(super) fn new(store: SharedOutbox, destination: Arc<dyn Destination>) -> Self {
        let settings = Settings {
            clock: clock::ambient(),
            batch: 256,
            in_flight: 0,
            lease: Duration::from_secs(30),
            poll: Duration::from_millis(500),
            backoff: Backoff::default(),
            unroutable_retention: 24 * HOUR,
            retention: 7 * 24 * HOUR,
            grace: Duration::from_secs(10),
        };
        Self {
            store,
            destination,
            settings,
            in_flight: None,
        }
    }

    /// Whose time counts. Default: the ambient clock at the time of building.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// How many events are claimed at once. Default 256.
    pub fn batch(mut self, events: usize) -> Self {
        self.settings.batch = events.max(1);
        self
    }

    /// How many events may be claimed and not settled. Default: two batches, so that one is published while the
    /// other is read and marked; 32 where the destination takes aggregates one by one (handlers in the process).
    pub fn in_flight(mut self, events: usize) -> Self {
        self.in_flight = Some(events.max(1));
        self
    }

    /// How long a claim lasts unless it is renewed, which happens three times in that time: an event whose
    /// relay died comes again after it. Default 30 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How often the store is asked when it signals nothing; also the pause after a destination refused a whole
    /// batch. Default 500 ms.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.settings.poll = poll;
        self
    }

    /// How the relay's own tries are spaced: an error of the store, a destination that panicked.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// How long an event that nobody is bound for is tried, from the first time on, before it is marked
    /// unrouted. Default 24 h.
    pub fn unroutable_retention(mut self, retention: Duration) -> Self {
        self.settings.unroutable_retention = retention;
        self
    }

    /// How long delivered and unrouted events are kept. Default 7 days.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.settings.retention = retention;
        self
    }

    /// How long running deliveries may go on after the shutdown. Default 10 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// The relay.
    pub fn build(mut self) -> Relay {
        let default = match self.destination.grouping() {
            Grouping::Batch => 2 * self.settings.batch,
            Grouping::Aggregate => 32,
        };
        self.settings.in_flight = self.in_flight.unwrap_or(default);
        Relay {
            core: Arc::new(Core {
                store: self.store,
                destination: self.destination,
                health: RelayHealth::new(Arc::clone(&self.settings.clock)),
                settings: self.settings,
            }),
        }
    }
}
