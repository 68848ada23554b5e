//! How a relay is, for probes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::OutboxError;
use crate::clock::SharedClock;

/// How a relay is. Clones tell of the same relay; cheap to ask from any thread.
#[derive(Clone)]
pub struct RelayHealth(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    now: Mutex<RelaySnapshot>,
}

/// How a relay was at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RelaySnapshot {
    /// Whether it takes events from its store: not before it is started, nor from the shutdown on.
    pub running: bool,
    /// When the store last handed out what is due, if only to say that nothing is.
    pub last_pass: Option<DateTime<Utc>>,
    /// Since when the store fails; nothing while it does not.
    pub failing_since: Option<DateTime<Utc>>,
    /// How the store fails, without secrets.
    pub error: Option<String>,
}

impl RelayHealth {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self(Arc::new(Inner {
            clock,
            now: Mutex::default(),
        }))
    }

    /// Whether the relay runs.
    pub fn is_live(&self) -> bool {
        self.lock().running
    }

    /// Whether the relay runs and has reached its store at its last try.
    pub fn is_ready(&self) -> bool {
        let now = self.lock();
        now.running && now.last_pass.is_some() && now.failing_since.is_none()
    }

    /// Everything at this instant.
    pub fn snapshot(&self) -> RelaySnapshot {
        self.lock().clone()
    }

    pub(super) fn passed(&self) {
        let at = self.0.clock.now();
        let mut now = self.lock();
        now.last_pass = Some(at);
        (now.failing_since, now.error) = (None, None);
    }

    pub(super) fn failed(&self, error: &OutboxError) {
        let at = self.0.clock.now();
        let mut now = self.lock();
        now.failing_since.get_or_insert(at);
        now.error = Some(error.to_string());
    }

    fn lock(&self) -> MutexGuard<'_, RelaySnapshot> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A relay that runs, until it is told to stop or its future is dropped.
pub(super) struct Running<'a>(&'a RelayHealth);

impl<'a> Running<'a> {
    pub(super) fn new(health: &'a RelayHealth) -> Self {
        health.lock().running = true;
        Self(health)
    }

    pub(super) fn stops(self) {
        drop(self);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running = false;
    }
}
