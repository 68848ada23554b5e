//! One delivery: a batch on its way, its claims kept alive, its outcome recorded.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::super::{Claim, OutboxError, OutboxEvent, Settlement};
use super::{Core, report};
use crate::clock;
use crate::telemetry::{count, spans};

/// What became of the events of a [`drain`](super::Relay::drain).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Delivered for good.
    pub delivered: u64,
    /// Refused, or held back by a refused one: they come again.
    pub again: u64,
    /// Nobody is bound for them: they come again, for the set time.
    pub unroutable: u64,
    /// Nobody was bound for them for the whole set time: kept, not tried again.
    pub unrouted: u64,
    /// Dead letters that were stored.
    pub dead: u64,
}

impl std::ops::AddAssign for Drained {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.again += other.again;
        self.unroutable += other.unroutable;
        self.unrouted += other.unrouted;
        self.dead += other.dead;
    }
}

pub(super) struct Delivery {
    core: Arc<Core>,
    events: Vec<OutboxEvent>,
    claims: Vec<Claim>,
}

type Settled = Vec<(OutboxEvent, Settlement)>;

impl Delivery {
    pub(super) fn new(core: Arc<Core>, events: Vec<OutboxEvent>) -> Self {
        let claims = events.iter().map(OutboxEvent::claim).collect();
        Self {
            core,
            events,
            claims,
        }
    }

    /// Delivers once the gate opens (at once without one) and records the outcome, trying again while the claims
    /// may still hold. A gate that closes gives the events back.
    pub(super) async fn run(self, gate: Option<oneshot::Receiver<()>>) -> Drained {
        let work = async {
            if let Some(gate) = gate
                && gate.await.is_err()
            {
                if let Err(error) = self.core.store.release(&self.claims).await {
                    report(&error, "cannot release outbox events");
                }
                return Drained::default();
            }
            let settled = self.deliver().await;
            self.settle_or_lose(&settled).await;
            tally(&settled)
        };
        // Beside the delivery, not between its steps: a handler may hold the connection that the renewal needs.
        tokio::select! {
            drained = work => drained,
            never = self.renew_again_and_again() => match never {},
        }
    }

    /// Delivers and records the outcome, or fails.
    pub(super) async fn run_once(self) -> Result<Drained, OutboxError> {
        let work = async {
            let settled = self.deliver().await;
            let now = self.core.settings.clock.now();
            self.core.store.settle(&settled, now).await?;
            Ok(tally(&settled))
        };
        tokio::select! {
            drained = work => drained,
            never = self.renew_again_and_again() => match never {},
        }
    }

    async fn deliver(&self) -> Settled {
        let Core {
            destination,
            settings,
            ..
        } = &*self.core;
        let batch = self.events.clone();
        count::relay_batch(batch.len());
        let span = spans::relay(batch.len());
        let delivery = clock::scope(Arc::clone(&settings.clock), async {
            destination.deliver(batch).await
        });
        let delivery = delivery.instrument(span);
        let (settlements, fault) = match AssertUnwindSafe(delivery).catch_unwind().await {
            Ok(settlements) => (settlements, "the destination gave no settlement"),
            Err(_) => (Vec::new(), "the destination panicked"),
        };
        let mut settlements = settlements.into_iter();
        let settle = |event: &OutboxEvent| {
            let settlement = settlements.next();
            let settlement = settlement.unwrap_or_else(|| self.again(event, fault));
            (event.clone(), self.give_up_in_time(event, settlement))
        };
        let settled: Settled = self.events.iter().map(settle).collect();
        log(&settled);
        settled
    }

    fn again(&self, event: &OutboxEvent, fault: &str) -> Settlement {
        let settings = &self.core.settings;
        Settlement::Again {
            at: clock::later(settings.clock.now(), settings.backoff.delay(event.attempts)),
            error: fault.to_owned(),
            progress: event.progress.clone(),
            dead: Vec::new(),
            counts: true,
        }
    }

    fn give_up_in_time(&self, event: &OutboxEvent, settlement: Settlement) -> Settlement {
        let settings = &self.core.settings;
        let over =
            |since| settings.clock.now() >= clock::later(since, settings.unroutable_retention);
        match settlement {
            Settlement::Unroutable { .. } if event.unroutable_since.is_some_and(over) => {
                Settlement::Unrouted
            }
            other => other,
        }
    }

    /// Records the outcome. When the store fails for the whole length of a lease, the events are left to be
    /// delivered again: at least once.
    async fn settle_or_lose(&self, settled: &Settled) {
        let Core {
            store, settings, ..
        } = &*self.core;
        let end = clock::later(settings.clock.now(), settings.lease);
        for failures in 0.. {
            let now = settings.clock.now();
            match store.settle(settled, now).await {
                Ok(()) => return,
                Err(error) => report(&error, "cannot record what became of outbox events"),
            }
            if now >= end {
                tracing::error!(
                    events = settled.len(),
                    "left outbox events to be delivered again"
                );
                return;
            }
            settings.clock.sleep(settings.backoff.delay(failures)).await;
        }
    }

    async fn renew_again_and_again(&self) -> Infallible {
        let Core {
            store, settings, ..
        } = &*self.core;
        loop {
            settings.clock.sleep(settings.lease / 3).await;
            let now = settings.clock.now();
            if let Err(error) = store.renew(&self.claims, now, settings.lease).await {
                report(&error, "cannot renew claims on outbox events");
            }
        }
    }
}

fn tally(settled: &Settled) -> Drained {
    let mut drained = Drained::default();
    for (_, settlement) in settled {
        match settlement {
            Settlement::Delivered { dead } => {
                drained.delivered += 1;
                drained.dead += dead.len() as u64;
            }
            Settlement::Again { dead, .. } => {
                drained.again += 1;
                drained.dead += dead.len() as u64;
            }
            Settlement::Unroutable { .. } => drained.unroutable += 1,
            Settlement::Unrouted => drained.unrouted += 1,
        }
    }
    drained
}

/// Counts and reports: one line a batch for refusals, which come in crowds.
fn log(settled: &Settled) {
    let Drained {
        delivered,
        again,
        unroutable,
        unrouted,
        dead,
    } = tally(settled);
    for (outcome, events) in [
        ("delivered", delivered),
        ("again", again),
        ("unroutable", unroutable),
        ("unrouted", unrouted),
        ("dead", dead),
    ] {
        count::outbox_events(outcome, events);
    }
    let refusal = settled
        .iter()
        .find_map(|(event, settlement)| match settlement {
            Settlement::Again {
                error,
                counts: true,
                ..
            } => Some((event.envelope.id, error)),
            _ => None,
        });
    if let Some((event_id, error)) = refusal {
        tracing::warn!(events = again, first = %event_id, error = %error, "outbox events were not delivered");
    }
    for (event, settlement) in settled {
        if *settlement == Settlement::Unrouted {
            let (event_id, topic) = (event.envelope.id, &event.envelope.topic);
            tracing::warn!(%event_id, %topic, "gave up an event that nobody is bound for; it is kept");
        }
    }
}
