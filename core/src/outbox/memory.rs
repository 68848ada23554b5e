//! The outbox in memory: the same semantics as in a database, without its durability.

mod dead;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use self::dead::Dead;
use super::{
    Claim, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, QUARANTINE_AFTER, RetrySelection,
    Settlement, signal,
};
use crate::broker::DeadReason;
use crate::clock;
use crate::event::Envelope;

/// Keeps events in memory, with the semantics of the outbox in a database; they end with the process.
///
/// For programs without a database and for tests. Clones are the same outbox.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use celerysalt::outbox::{MemoryOutbox, OutboxStore};
/// # use celerysalt::event::{Envelope, Meta};
/// # let event = Envelope { id: uuid::Uuid::now_v7(), topic: "order.paid".into(), version: None,
/// #     payload: serde_json::json!({}), meta: Meta::default() };
///
/// let outbox = MemoryOutbox::default();
/// let now = chrono::Utc::now();
/// outbox.append(&[event], now).await?;
/// assert_eq!(outbox.claim(10, now, Duration::from_secs(30)).await?.len(), 1);
/// assert_eq!(outbox.claim(10, now, Duration::from_secs(30)).await?.len(), 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct MemoryOutbox(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<u64, Row>,
    by_id: HashMap<Uuid, u64>,
    /// The rows that are neither delivered nor given up.
    open: BTreeSet<u64>,
    dead: Vec<Dead>,
    next: u64,
}

struct Row {
    event: OutboxEvent,
    available_at: DateTime<Utc>,
    /// The end of the claim that the event's token stands for.
    claimed_until: Option<DateTime<Utc>>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Open,
    Delivered(DateTime<Utc>),
    Unrouted(DateTime<Utc>),
}

impl MemoryOutbox {
    /// An empty outbox.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl OutboxStore for MemoryOutbox {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        let mut state = self.lock();
        for event in events {
            if !state.by_id.contains_key(&event.id) {
                state.insert(OutboxEvent::new(event.clone(), now, Uuid::nil()));
            }
        }
        drop(state);
        signal::ring(&self.0.changed);
        Ok(())
    }

    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        let mut state = self.lock();
        let taken = state.claimable(limit, now);
        let token = Uuid::new_v4();
        let events = taken.into_iter().filter_map(|seq| {
            let row = state.rows.get_mut(&seq)?;
            row.event.lost_claims = row.lost_claims();
            row.event.token = token;
            row.claimed_until = Some(clock::later(now, lease));
            Some(row.event.clone())
        });
        Ok(events.collect())
    }

    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        let mut state = self.lock();
        for (event, settlement) in settled {
            state.settle(event, settlement, now);
        }
        drop(state);
        signal::ring(&self.0.changed);
        Ok(())
    }

    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        let mut state = self.lock();
        for claim in claims {
            if let Some(row) = state.held(claim) {
                row.claimed_until = Some(clock::later(now, lease));
            }
        }
        Ok(())
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        let mut state = self.lock();
        for claim in claims {
            if let Some(row) = state.held(claim) {
                row.claimed_until = None;
            }
        }
        drop(state);
        signal::ring(&self.0.changed);
        Ok(())
    }

    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        let state = self.lock();
        let due = state.open_rows().map(|(_, row)| row.due());
        Ok(due.filter(|due| *due > now).min())
    }

    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError> {
        let state = self.lock();
        let open = state.open.iter().filter_map(|seq| state.rows.get(seq));
        Ok(open.map(|row| row.event.created_at).min())
    }

    async fn changed(&self) {
        self.0.changed.notified().await;
    }

    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        let mut state = self.lock();
        let before = state.rows.len();
        state.rows.retain(|_, row| match row.outcome {
            Outcome::Open => true,
            Outcome::Delivered(at) | Outcome::Unrouted(at) => at >= delivered_before,
        });
        let State { rows, by_id, .. } = &mut *state;
        by_id.retain(|_, seq| rows.contains_key(seq));
        Ok((before - state.rows.len()) as u64)
    }

    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        let mut state = self.lock();
        let State { rows, open, .. } = &mut *state;
        let mut retried = 0;
        for (seq, row) in rows.iter_mut() {
            if row.retry(selection, now) {
                open.insert(*seq);
                retried += 1;
            }
        }
        drop(state);
        signal::ring(&self.0.changed);
        Ok(retried)
    }

    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        let state = self.lock();
        let mut status = OutboxStatus {
            oldest: state.open_rows().map(|(_, row)| row.event.created_at).min(),
            dead: state.dead.iter().filter(|d| !d.replayed).count() as u64,
            ..OutboxStatus::default()
        };
        for row in state.rows.values() {
            match row.outcome {
                Outcome::Delivered(_) => status.delivered += 1,
                Outcome::Unrouted(_) => status.unrouted += 1,
                Outcome::Open => {
                    status.pending += 1;
                    status.retrying += u64::from(row.event.attempts > 0);
                    status.unroutable += u64::from(row.event.unroutable_since.is_some());
                }
            }
        }
        Ok(status)
    }
}

impl State {
    fn insert(&mut self, event: OutboxEvent) {
        self.next += 1;
        self.by_id.insert(event.envelope.id, self.next);
        self.open.insert(self.next);
        let row = Row {
            available_at: event.created_at,
            claimed_until: None,
            outcome: Outcome::Open,
            event,
        };
        self.rows.insert(self.next, row);
    }

    fn open_rows(&self) -> impl Iterator<Item = (u64, &Row)> {
        let row = |seq: &u64| Some((*seq, self.rows.get(seq)?));
        self.open.iter().filter_map(row)
    }

    /// The places of what may be claimed now, oldest first.
    fn claimable(&self, limit: usize, now: DateTime<Utc>) -> Vec<u64> {
        let mut blocked: HashSet<&str> = HashSet::new();
        let mut taken = Vec::new();
        for (seq, row) in self.open_rows() {
            if taken.len() == limit {
                break;
            }
            let aggregate = row.event.envelope.meta.aggregate.as_deref();
            if aggregate.is_some_and(|aggregate| blocked.contains(aggregate)) {
                continue;
            }
            if row.due() > now {
                if row.event.unroutable_since.is_none() {
                    blocked.extend(aggregate);
                }
                continue;
            }
            if row.lost_claims() >= QUARANTINE_AFTER {
                if taken.is_empty() {
                    taken.push(seq);
                }
                break;
            }
            taken.push(seq);
        }
        taken
    }

    /// The row, if the claim still holds it.
    fn held(&mut self, claim: &Claim) -> Option<&mut Row> {
        let row = self
            .by_id
            .get(&claim.event)
            .and_then(|seq| self.rows.get_mut(seq))
            .filter(|row| row.claimed_until.is_some() && row.event.token == claim.token);
        if row.is_none() {
            tracing::warn!(event_id = %claim.event, "the claim on an outbox event was lost");
        }
        row
    }

    fn settle(&mut self, event: &OutboxEvent, settlement: &Settlement, now: DateTime<Utc>) {
        let Some(row) = self.held(&event.claim()) else {
            return;
        };
        row.claimed_until = None;
        let dead = row.apply(settlement, now);
        if row.outcome != Outcome::Open
            && let Some(seq) = self.by_id.get(&event.envelope.id)
        {
            self.open.remove(seq);
        }
        for reason in dead {
            self.bury(&event.envelope, reason, now);
        }
    }
}

impl Row {
    /// When it may be claimed, as far as it depends on this row.
    fn due(&self) -> DateTime<Utc> {
        let free = self.claimed_until.unwrap_or(DateTime::<Utc>::MIN_UTC);
        self.available_at.max(free)
    }

    /// With the claim that is still there, and so has not come back.
    fn lost_claims(&self) -> u32 {
        self.event.lost_claims + u32::from(self.claimed_until.is_some())
    }

    /// Makes it due, if it is selected and free and waits, or was given up for want of a subscriber.
    fn retry(&mut self, selection: &RetrySelection, now: DateTime<Utc>) -> bool {
        let unrouted = matches!(self.outcome, Outcome::Unrouted(_));
        let waits = self.outcome == Outcome::Open && self.available_at > now;
        let held = self.claimed_until.is_some_and(|until| until > now);
        if held || !(waits || unrouted) || !selection.covers(self.event.envelope.id, unrouted) {
            return false;
        }
        if unrouted {
            self.event.unroutable_since = None;
            self.outcome = Outcome::Open;
        }
        self.event.progress.hasten(now);
        self.event.attempts = 0;
        self.available_at = now;
        true
    }

    fn apply<'a>(&mut self, settlement: &'a Settlement, now: DateTime<Utc>) -> &'a [DeadReason] {
        match settlement {
            Settlement::Delivered { dead } => {
                self.outcome = Outcome::Delivered(now);
                dead
            }
            Settlement::Unrouted => {
                self.outcome = Outcome::Unrouted(now);
                &[]
            }
            Settlement::Unroutable { at } => {
                self.available_at = *at;
                self.event.attempts += 1;
                self.event.lost_claims = 0;
                self.event.unroutable_since.get_or_insert(now);
                &[]
            }
            Settlement::Again {
                at,
                progress,
                dead,
                counts,
                ..
            } => {
                self.available_at = *at;
                self.event.progress = progress.clone();
                if *counts {
                    self.event.attempts += 1;
                    self.event.lost_claims = 0;
                }
                dead
            }
        }
    }
}
