//! Results inside the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Answer, PendingAnswer, ResultBackend, ResultError};
use crate::clock::{SharedClock, SystemClock};
use crate::event::Envelope;

/// How long an answer is kept that nobody fetches: Celery's `result_expires`.
const KEEP: TimeDelta = TimeDelta::days(1);

/// A result backend in memory. Clones are the same backend.
#[derive(Clone)]
pub struct MemoryResults {
    clock: SharedClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    slots: HashMap<Uuid, watch::Sender<Option<Answer>>>,
    /// Answers that came before their callers, or after them.
    unfetched: VecDeque<(DateTime<Utc>, Uuid)>,
}

impl MemoryResults {
    /// An empty backend that keeps by this clock.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Default for MemoryResults {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl State {
    fn forget_old(&mut self, now: DateTime<Utc>) {
        while let Some((stored, request)) = self.unfetched.front()
            && *stored + KEEP < now
        {
            self.slots.remove(request);
            self.unfetched.pop_front();
        }
    }
}

/// A caller's place; gives it up when the caller has the answer or waits no more.
struct Waiting {
    backend: MemoryResults,
    request: Uuid,
    answer: watch::Receiver<Option<Answer>>,
}

impl Waiting {
    async fn answer(mut self) -> Result<Answer, ResultError> {
        let forgotten = || ResultError::Unreachable {
            reason: "another caller of the same request took the answer".to_owned(),
        };
        let answer = self.answer.wait_for(Option::is_some).await;
        let answer = answer.map_err(|_| forgotten())?.clone();
        answer.ok_or_else(forgotten)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.backend.lock().slots.remove(&self.request);
    }
}

#[async_trait]
impl ResultBackend for MemoryResults {
    async fn expect(&self, request: Uuid) -> Result<PendingAnswer, ResultError> {
        let answer = {
            let mut state = self.lock();
            let slot = state.slots.entry(request);
            slot.or_insert_with(|| watch::Sender::new(None)).subscribe()
        };
        let waiting = Waiting {
            backend: self.clone(),
            request,
            answer,
        };
        Ok(Box::pin(waiting.answer()))
    }

    async fn store(&self, request: &Envelope, answer: &Answer) -> Result<(), ResultError> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.forget_old(now);
        if let Some(slot) = state.slots.get(&request.id) {
            slot.send_if_modified(|stored| {
                let first = stored.is_none();
                stored.get_or_insert_with(|| answer.clone());
                first
            });
        } else {
            let stored = watch::Sender::new(Some(answer.clone()));
            state.slots.insert(request.id, stored);
            state.unfetched.push_back((now, request.id));
        }
        Ok(())
    }
}
