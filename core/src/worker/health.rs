//! How a worker is, for liveness and readiness probes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::broker::BrokerError;
use crate::clock::SharedClock;

/// How a worker is. Clones tell of the same worker; they may outlive it. Cheap to ask from any thread.
///
/// ```
/// # use celerysalt::worker::Health;
/// /// For any HTTP server: the status and body of `GET /ready`.
/// fn ready(health: &Health) -> (u16, String) {
///     let status = if health.is_ready() { 200 } else { 503 };
///     (status, serde_json::to_string(&health.snapshot()).unwrap_or_default())
/// }
/// ```
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    clock: SharedClock,
    now: Mutex<HealthSnapshot>,
}

/// How a worker was at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HealthSnapshot {
    /// What it does.
    pub state: WorkerState,
    /// Since when it does.
    pub since: DateTime<Utc>,
    /// How many events are being handled.
    pub in_flight: usize,
    /// How many events were taken and wait for a free place.
    pub waiting: usize,
    /// When the last event was taken from the queue.
    pub last_delivery: Option<DateTime<Utc>>,
    /// Why the broker could not be reached at the last try, without secrets; nothing while it can.
    pub error: Option<String>,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkerState {
    /// It has not reached its queue yet.
    Starting,
    /// It takes events from its queue.
    Consuming,
    /// It has lost the broker and tries to reach it again.
    Disconnected,
    /// It takes nothing more and lets its handlers end.
    ShuttingDown,
    /// It has ended, by order, by an error, or because its future was dropped.
    Ended,
}

impl Health {
    pub(super) fn new(clock: SharedClock) -> Self {
        let now = HealthSnapshot {
            state: WorkerState::Starting,
            since: clock.now(),
            in_flight: 0,
            waiting: 0,
            last_delivery: None,
            error: None,
        };
        Self(Arc::new(Inner {
            clock,
            now: Mutex::new(now),
        }))
    }

    /// Whether the worker still works, if only at reaching its broker: where it does not, only a new process
    /// helps.
    pub fn is_live(&self) -> bool {
        self.lock().state != WorkerState::Ended
    }

    /// Whether the worker takes events from its queue: not before it has reached it, not while the broker is
    /// lost, and not from the shutdown on.
    pub fn is_ready(&self) -> bool {
        self.lock().state == WorkerState::Consuming
    }

    /// Everything at this instant.
    pub fn snapshot(&self) -> HealthSnapshot {
        self.lock().clone()
    }

    pub(super) fn enter(&self, state: WorkerState) {
        let since = self.0.clock.now();
        let mut now = self.lock();
        if now.state != state {
            (now.state, now.since) = (state, since);
        }
        if state == WorkerState::Consuming {
            now.error = None;
        }
    }

    /// A worker that has never reached its broker is still starting.
    pub(super) fn not_reached(&self, error: &BrokerError) {
        self.lock().error = Some(error.to_string());
    }

    pub(super) fn taken(&self) {
        let at = self.0.clock.now();
        self.lock().last_delivery = Some(at);
    }

    pub(super) fn load(&self, in_flight: usize, waiting: usize) {
        let mut now = self.lock();
        (now.in_flight, now.waiting) = (in_flight, waiting);
    }

    fn lock(&self) -> MutexGuard<'_, HealthSnapshot> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells that the worker has ended, however it ended.
pub(super) struct Life(pub(super) Health);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.load(0, 0);
        self.0.enter(WorkerState::Ended);
    }
}
