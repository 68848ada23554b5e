//! The relay: takes events from an outbox, delivers them, and records what became of them.

mod builder;
mod delivery;
mod health;
mod upkeep;
mod work;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

pub use self::builder::RelayBuilder;
use self::builder::Settings;
use self::delivery::Delivery;
pub use self::delivery::Drained;
use self::health::Running;
pub use self::health::{RelayHealth, RelaySnapshot};
use self::work::Work;
use super::{
    Destination, Grouping, OutboxError, OutboxEvent, QUARANTINE_AFTER, SharedOutbox, signal,
};
use crate::telemetry;

/// Takes events from an outbox and delivers them, at least once and in order per aggregate.
///
/// Nothing is dropped: a refused event comes again with backoff, an unroutable one is tried for the set time and
/// then kept as unrouted, and an event whose relay died is free again when its lease ends. Any number of relays,
/// in any number of processes, may work on one outbox.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use celerysalt::broker::MemoryBroker;
/// use celerysalt::outbox::{MemoryOutbox, OutboxStore, Relay, ToBroker};
/// # use celerysalt::event::{Envelope, Meta};
/// # let event = Envelope { id: uuid::Uuid::now_v7(), topic: "order.paid".into(), version: None,
/// #     payload: serde_json::json!({}), meta: Meta::default() };
///
/// let outbox = Arc::new(MemoryOutbox::new());
/// let broker = Arc::new(MemoryBroker::default());
/// let relay = Relay::builder(outbox.clone(), Arc::new(ToBroker::new(broker))).build();
///
/// outbox.append(&[event], chrono::Utc::now()).await?;
/// let drained = relay.drain().await?;
/// assert_eq!(drained.unroutable, 1); // nobody is bound yet: it is tried again, for a day
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Relay {
    core: Arc<Core>,
}

/// What every delivery of a relay needs.
struct Core {
    store: SharedOutbox,
    destination: Arc<dyn Destination>,
    settings: Settings,
    health: RelayHealth,
}

impl Relay {
    /// A relay from this store to this destination, with defaults to change.
    pub fn builder(store: SharedOutbox, destination: Arc<dyn Destination>) -> RelayBuilder {
        RelayBuilder::new(store, destination)
    }

    /// How it is, for probes.
    pub fn health(&self) -> RelayHealth {
        self.core.health.clone()
    }

    /// Relays until `shutdown` ends. Then nothing new is taken, deliveries that are running get the grace time to
    /// come to their end, and what is left is given back, so that the next start delivers it at once.
    ///
    /// Errors of the store are logged and tried again with backoff. Dropping this future instead of ending it
    /// leaves the claims to their lease.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        telemetry::describe_metrics();
        let settings = &self.core.settings;
        let running = Running::new(&self.core.health);
        let (stop, stopping) = watch::channel(false);
        let mut work = Work::new(Arc::clone(&self.core));
        {
            let mut pump = pin!(self.pump(&mut work, stopping));
            tokio::select! {
                () = shutdown => {}
                () = &mut pump => {}
                never = upkeep::purge(&self.core) => match never {},
                never = upkeep::measure(&self.core) => match never {},
            }
            running.stops();
            stop.send_replace(true);
            // The pump finishes its claim, so that no claim is forgotten, and its deliveries.
            tokio::select! {
                () = pump => {}
                () = settings.clock.sleep(settings.grace) => {}
            }
        }
        tokio::select! {
            () = work.abort() => {}
            () = settings.clock.sleep(settings.grace) => {}
        }
    }

    /// Delivers what is due now, each event at most once, and comes back. For tests, and for programs that have
    /// no long-running task.
    ///
    /// # Errors
    /// The store's own; what was claimed then is free again after its lease.
    pub async fn drain(&self) -> Result<Drained, OutboxError> {
        let mut seen = HashSet::new();
        let mut drained = Drained::default();
        loop {
            let claimed = self.core.claim(self.core.settings.batch).await?;
            let (fresh, back) = split_seen(claimed, &mut seen);
            if !back.is_empty() {
                let claims: Vec<_> = back.iter().map(OutboxEvent::claim).collect();
                self.core.store.release(&claims).await?;
            }
            if fresh.is_empty() {
                return Ok(drained);
            }
            let units = self.core.units(fresh).into_iter();
            let runs = units.map(|events| Delivery::new(Arc::clone(&self.core), events).run_once());
            for outcome in futures::future::join_all(runs).await {
                drained += outcome?;
            }
        }
    }

    /// Claims and starts deliveries until told to stop; then sees the running ones to their end.
    async fn pump(&self, work: &mut Work, mut stopping: watch::Receiver<bool>) {
        let mut failures = 0;
        while !*stopping.borrow() {
            work.reap();
            let settings = &self.core.settings;
            let next = match work.room() {
                _ if work.take_refusal() => Next::Pause(settings.poll),
                0 => Next::Slot,
                room => match self.core.claim(room).await {
                    Ok(claimed) => {
                        failures = 0;
                        self.core.health.passed();
                        self.start(claimed, work, &mut stopping).await
                    }
                    Err(error) => {
                        report(&error, "cannot claim outbox events");
                        self.core.health.failed(&error);
                        failures += 1;
                        Next::Pause(settings.backoff.delay(failures - 1))
                    }
                },
            };
            self.wait(next, work, &mut stopping).await;
        }
        work.finish().await;
    }

    async fn start(
        &self,
        claimed: Vec<OutboxEvent>,
        work: &mut Work,
        stopping: &mut watch::Receiver<bool>,
    ) -> Next {
        if claimed.is_empty() {
            return Next::Idle(self.core.until_due().await);
        }
        if *stopping.borrow() {
            self.core.give_back(&claimed).await;
        } else if claimed.iter().any(is_suspect) {
            work.run_alone(claimed, stopping).await;
        } else {
            for events in self.core.units(claimed) {
                work.spawn(events);
            }
        }
        Next::Claim
    }

    /// Waits until a claim makes sense, or the relay is to stop.
    async fn wait(&self, next: Next, work: &mut Work, stopping: &mut watch::Receiver<bool>) {
        let core = &self.core;
        let pause = match next {
            Next::Claim => return,
            Next::Slot => None,
            Next::Pause(pause) | Next::Idle(pause) => Some(pause),
        };
        let idle = matches!(next, Next::Idle(_));
        let timer = async {
            match pause {
                Some(pause) => core.settings.clock.sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The sender lives as long as this future does: an error cannot come.
            _ = stopping.changed() => {}
            () = work.reap_one(), if !matches!(next, Next::Pause(_)) => {}
            () = core.store.changed(), if idle => {}
            () = signal::woken(), if idle => {}
            () = timer => {}
        }
    }
}

/// What the relay does next.
enum Next {
    /// Claim at once: there may be more.
    Claim,
    /// Wait for a delivery to end: no more may run.
    Slot,
    /// Nothing is due: wait for news, at most so long.
    Idle(Duration),
    /// Something is down: wait so long.
    Pause(Duration),
}

impl Core {
    async fn claim(&self, room: usize) -> Result<Vec<OutboxEvent>, OutboxError> {
        let settings = &self.settings;
        let limit = room.min(settings.batch);
        let now = settings.clock.now();
        self.store.claim(limit, now, settings.lease).await
    }

    async fn give_back(&self, events: &[OutboxEvent]) {
        let claims: Vec<_> = events.iter().map(OutboxEvent::claim).collect();
        if let Err(error) = self.store.release(&claims).await {
            report(&error, "cannot release outbox events");
        }
    }

    /// How long nothing will become due by time alone, at most the poll interval.
    async fn until_due(&self) -> Duration {
        let now = self.settings.clock.now();
        match self.store.next_due(now).await {
            Ok(Some(due)) => (due - now)
                .to_std()
                .unwrap_or_default()
                .min(self.settings.poll),
            Ok(None) => self.settings.poll,
            Err(error) => {
                report(&error, "cannot read the outbox");
                self.settings.poll
            }
        }
    }

    /// Cuts what was claimed as the destination wants it.
    fn units(&self, claimed: Vec<OutboxEvent>) -> Vec<Vec<OutboxEvent>> {
        match self.destination.grouping() {
            Grouping::Batch => vec![claimed],
            Grouping::Aggregate => by_aggregate(claimed),
        }
    }
}

fn by_aggregate(claimed: Vec<OutboxEvent>) -> Vec<Vec<OutboxEvent>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut units: Vec<Vec<OutboxEvent>> = Vec::new();
    for event in claimed {
        let place = match &event.envelope.meta.aggregate {
            Some(aggregate) => *places.entry(aggregate.clone()).or_insert(units.len()),
            None => units.len(),
        };
        if place == units.len() {
            units.push(Vec::new());
        }
        units[place].push(event);
    }
    units
}

/// Parts what a drain has not tried yet from what goes back: tried before, or behind such a one.
fn split_seen(
    claimed: Vec<OutboxEvent>,
    seen: &mut HashSet<Uuid>,
) -> (Vec<OutboxEvent>, Vec<OutboxEvent>) {
    let mut held: HashSet<String> = HashSet::new();
    claimed.into_iter().partition(|event| {
        let aggregate = event.envelope.meta.aggregate.as_ref();
        let behind = aggregate.is_some_and(|aggregate| held.contains(aggregate));
        let fresh = !behind && seen.insert(event.envelope.id);
        if !fresh {
            held.extend(aggregate.cloned());
        }
        fresh
    })
}

fn is_suspect(event: &OutboxEvent) -> bool {
    event.lost_claims >= QUARANTINE_AFTER
}

/// Logs an error of the store with its causes.
fn report(error: &OutboxError, what: &str) {
    let mut causes = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes = format!("{causes}: {cause}");
        source = cause.source();
    }
    tracing::warn!(error = %causes, "{what}; trying again");
}
