//! The deliveries that a relay has under way.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tracing::Instrument;

use super::super::{Claim, Grouping, OutboxEvent};
use super::delivery::{Delivery, Drained};
use super::{Core, report};

pub(super) struct Work {
    core: Arc<Core>,
    running: JoinSet<Drained>,
    claims: HashMap<Id, Vec<Claim>>,
    refusal: bool,
}

impl Work {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            running: JoinSet::new(),
            claims: HashMap::new(),
            refusal: false,
        }
    }

    /// How many more events may be under way.
    pub(super) fn room(&self) -> usize {
        let events: usize = self.claims.values().map(Vec::len).sum();
        self.core.settings.in_flight.saturating_sub(events)
    }

    /// Starts a delivery in a task of its own: whatever the relay waits for, deliveries go on.
    pub(super) fn spawn(&mut self, events: Vec<OutboxEvent>) {
        self.spawn_behind(None, events);
    }

    /// Delivers events while nothing else runs: first sees the others to their end.
    pub(super) async fn run_alone(
        &mut self,
        events: Vec<OutboxEvent>,
        stopping: &mut watch::Receiver<bool>,
    ) {
        let (open, gate) = oneshot::channel();
        self.spawn_behind(Some(gate), events);
        if !self.until_running(1, stopping).await {
            return; // dropping `open` gives the events back
        }
        // Fails only when the delivery is gone, and then there is nothing to open.
        let _ = open.send(());
        self.until_running(0, stopping).await;
    }

    /// Takes note of every delivery that has ended.
    pub(super) fn reap(&mut self) {
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.note(ended);
        }
    }

    /// Waits for the next delivery to end; for ever when none runs.
    pub(super) async fn reap_one(&mut self) {
        match self.running.join_next_with_id().await {
            Some(ended) => self.note(ended),
            None => std::future::pending().await,
        }
    }

    /// Whether a full batch was refused as a whole since this was last asked: the destination may be down, and
    /// to go on through the backlog would only mark event after event.
    pub(super) fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.refusal)
    }

    /// Sees all deliveries to their end.
    pub(super) async fn finish(&mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            self.note(ended);
        }
    }

    /// Ends what still runs and gives its events back.
    pub(super) async fn abort(&mut self) {
        self.reap();
        self.running.shutdown().await;
        let claims: Vec<Claim> = self.claims.drain().flat_map(|(_, claims)| claims).collect();
        if claims.is_empty() {
            return;
        }
        tracing::info!(events = claims.len(), "gave back outbox events unfinished");
        if let Err(error) = self.core.store.release(&claims).await {
            report(&error, "cannot release outbox events");
        }
    }

    fn spawn_behind(&mut self, gate: Option<oneshot::Receiver<()>>, events: Vec<OutboxEvent>) {
        let claims = events.iter().map(OutboxEvent::claim).collect();
        let delivery = Delivery::new(Arc::clone(&self.core), events).run(gate);
        let task = self.running.spawn(delivery.in_current_span());
        self.claims.insert(task.id(), claims);
    }

    /// Waits until no more than so many deliveries run; `false` when the relay is to stop before that.
    async fn until_running(&mut self, count: usize, stopping: &mut watch::Receiver<bool>) -> bool {
        while self.running.len() > count {
            if *stopping.borrow() {
                return false;
            }
            tokio::select! {
                // The relay holds the sender while it runs: an error cannot come.
                _ = stopping.changed() => {}
                () = self.reap_one() => {}
            }
        }
        true
    }

    fn note(&mut self, ended: Result<(Id, Drained), JoinError>) {
        let (id, drained) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(%error, "a delivery of outbox events broke off; they come again after the lease");
                (error.id(), Drained::default())
            }
        };
        let events = self.claims.remove(&id).map_or(0, |claims| claims.len());
        let settings = &self.core.settings;
        let in_batches = self.core.destination.grouping() == Grouping::Batch;
        if in_batches && events == settings.batch && drained.again == events as u64 {
            self.refusal = true;
        }
    }
}
