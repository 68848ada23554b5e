//! How a worker is, for liveness and readiness probes.

use std::collections::BTreeMap;
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
    /// What it does; of several queues as at the one that is worst off.
    pub state: WorkerState,
    /// What it does at each of its queues.
    pub queues: BTreeMap<String, WorkerState>,
    /// Since when it does.
    pub since: DateTime<Utc>,
    /// How many events are being handled.
    pub in_flight: usize,
    /// How many events were taken and wait for a free place.
    pub waiting: usize,
    /// When the last event was taken from a queue.
    pub last_delivery: Option<DateTime<Utc>>,
    /// Why the broker could not be reached at the last try, without secrets; nothing while it can.
    pub error: Option<String>,
}

/// What a worker does, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkerState {
    /// It takes events from its queues.
    Consuming,
    /// It has not reached its queues yet.
    Starting,
    /// It has lost the broker and tries to reach it again.
    Disconnected,
    /// It takes nothing more and lets its handlers end.
    ShuttingDown,
    /// It has ended, by order, by an error, or because its future was dropped.
    Ended,
}

impl Health {
    pub(super) fn new(clock: SharedClock, queues: impl IntoIterator<Item = String>) -> Self {
        let starting = |queue| (queue, WorkerState::Starting);
        let now = HealthSnapshot {
            state: WorkerState::Starting,
            queues: queues.into_iter().map(starting).collect(),
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

    /// Whether the worker takes events from all of its queues: not before it has reached them, not while the broker is
    /// lost, and not from the shutdown on.
    pub fn is_ready(&self) -> bool {
        self.lock().state == WorkerState::Consuming
    }

    /// Everything at this instant.
    pub fn snapshot(&self) -> HealthSnapshot {
        self.lock().clone()
    }

    /// What it does at all of its queues.
    pub(super) fn enter(&self, state: WorkerState) {
        self.change(|queues| queues.values_mut().for_each(|queue| *queue = state));
    }

    /// What it does at one of its queues.
    pub(super) fn enter_queue(&self, queue: &str, state: WorkerState) {
        self.change(|queues| {
            if let Some(queue) = queues.get_mut(queue) {
                *queue = state;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, WorkerState>)) {
        let since = self.0.clock.now();
        let mut now = self.lock();
        change(&mut now.queues);
        let state = now.queues.values().max().copied().unwrap_or(now.state);
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
