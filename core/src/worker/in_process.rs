//! Durable delivery without a broker: outbox events to the handlers of this process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::answers::Answers;
use super::runner::{Fault, Outcome};
use super::service::{Service, Setup};
use super::{Jitter, WorkerError};
use crate::broker::DeadReason;
use crate::clock::SharedClock;
use crate::event::Envelope;
use crate::handler::{HandlerDef, StateMap};
use crate::outbox::{
    Destination, Grouping, HandlerProgress, LOST_CLAIMS_LIMIT, OutboxEvent, Progress, Settlement,
};
use crate::rpc::SharedResultBackend;
use crate::telemetry::count;

/// An event that no handler takes is tried again after this time: a new version of the program may take it.
const UNROUTABLE_AGAIN: TimeDelta = TimeDelta::seconds(60);

/// What died in here (a handler's own panic does not get so far) is tried again after this time.
const AFTER_DEATH: TimeDelta = TimeDelta::seconds(5);

/// Delivers outbox events to the handlers of this process, with a worker's options and outcomes. What each
/// handler came to is kept with the event, so that a retry, also after a restart, repeats only the handler that
/// failed.
///
/// Every handler runs at least once here: `acks_late = false` makes no difference, for the outbox forgets an
/// event only when it is done. A claim that was lost (the process died, or hung) counts as a crash of the
/// handlers that were not done: `reject_on_worker_lost = false` makes them dead letters at the first, else they
/// are after [`LOST_CLAIMS_LIMIT`]. Dropping the future of `deliver` stops its handlers.
pub struct InProcess(Arc<Inner>);

struct Inner {
    service: Service,
    places: Semaphore,
}

/// Sets up [`InProcess`].
#[derive(Default)]
pub struct InProcessBuilder(Setup);

impl InProcess {
    /// Sets up the delivery; all linked handlers, the system's clock, as many events at a time as there are cores.
    pub fn builder() -> InProcessBuilder {
        InProcessBuilder::default()
    }
}

impl InProcessBuilder {
    /// The clock; the system's unless told.
    pub fn clock(mut self, clock: SharedClock) -> Self {
        self.0.clock = clock;
        self
    }

    /// A value that handlers may ask for by its type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.0.state.insert(value);
        self
    }

    /// All the values that handlers may ask for.
    pub fn state_map(mut self, state: StateMap) -> Self {
        self.0.state = state;
        self
    }

    /// These handlers, instead of every `#[subscribe]` function that is linked into the program.
    pub fn handlers(mut self, handlers: impl IntoIterator<Item = HandlerDef>) -> Self {
        self.0.handlers = Some(handlers.into_iter().collect());
        self
    }

    /// How many events are handled at a time.
    pub fn concurrency(mut self, events: usize) -> Self {
        self.0.concurrency = events.max(1);
        self
    }

    /// Where answers to RPCs go.
    pub fn results(mut self, backend: SharedResultBackend) -> Self {
        self.0.results = Some(backend);
        self
    }

    /// Where the randomness of retries comes from.
    pub fn jitter(mut self, jitter: Arc<dyn Jitter>) -> Self {
        self.0.jitter = jitter;
        self
    }

    /// The destination.
    ///
    /// # Errors
    /// [`WorkerError::NoHandlers`], [`WorkerError::DuplicateHandler`], [`WorkerError::Pattern`].
    pub fn build(self) -> Result<InProcess, WorkerError> {
        let places = Semaphore::new(self.0.concurrency.min(Semaphore::MAX_PERMITS));
        let service = self.0.build("in-process")?;
        Ok(InProcess(Arc::new(Inner { service, places })))
    }
}

#[async_trait]
impl Destination for InProcess {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let now = self.0.service.clock().now();
        // What stands when a lane's task dies.
        let mut settled: Vec<Settlement> = batch
            .iter()
            .map(|event| Settlement::Again {
                at: now + AFTER_DEATH,
                error: "the delivery died".to_owned(),
                progress: event.progress.clone(),
                dead: Vec::new(),
                counts: true,
            })
            .collect();
        let mut running = JoinSet::new();
        for lane in lanes(batch) {
            let inner = Arc::clone(&self.0);
            running.spawn(async move { inner.deliver_lane(lane).await });
        }
        while let Some(lane) = running.join_next().await {
            match lane {
                Ok(lane) => lane.into_iter().for_each(|(at, s)| settled[at] = s),
                Err(error) => tracing::error!(%error, "a delivery died"),
            }
        }
        settled
    }

    fn grouping(&self) -> Grouping {
        Grouping::Aggregate
    }
}

/// Events with their places in the batch, those of one aggregate together and in order.
fn lanes(batch: Vec<OutboxEvent>) -> Vec<Vec<(usize, OutboxEvent)>> {
    let mut lanes: Vec<Vec<_>> = Vec::new();
    let mut by_aggregate: HashMap<String, usize> = HashMap::new();
    for (place, event) in batch.into_iter().enumerate() {
        let new = lanes.len();
        let lane = match &event.envelope.meta.aggregate {
            Some(aggregate) => *by_aggregate.entry(aggregate.clone()).or_insert(new),
            None => new,
        };
        if lane == new {
            lanes.push(Vec::new());
        }
        lanes[lane].push((place, event));
    }
    lanes
}

/// The state of one event's delivery.
struct Delivering {
    progress: Progress,
    dead: Vec<DeadReason>,
    /// When something is to be tried again.
    again: Option<DateTime<Utc>>,
    error: Option<String>,
}

impl Inner {
    async fn deliver_lane(&self, lane: Vec<(usize, OutboxEvent)>) -> Vec<(usize, Settlement)> {
        let mut settled = Vec::with_capacity(lane.len());
        let mut held_until = None;
        for (place, event) in lane {
            let settlement = match held_until {
                Some(at) => untried(at, event, "an older event of its aggregate waits"),
                None => self.deliver_event(event).await,
            };
            if let Settlement::Again { at, .. } = &settlement {
                held_until = Some(*at);
            }
            settled.push((place, settlement));
        }
        settled
    }

    async fn deliver_event(&self, event: OutboxEvent) -> Settlement {
        // Before any look at the clock: waiting for a place may take long.
        let _place = self.places.acquire().await;
        let now = self.service.clock().now();
        let meta = &event.envelope.meta;
        if meta.expires.is_some_and(|expires| expires < now) {
            count::expired(&event.envelope.topic);
            return expired(&event);
        }
        if let Some(eta) = meta.eta.filter(|eta| *eta > now) {
            return untried(eta, event, "not before its eta");
        }
        let handlers = self.handlers(&event);
        if handlers.is_empty() && event.progress.0.is_empty() && event.targets.is_empty() {
            return Settlement::Unroutable {
                at: now + UNROUTABLE_AGAIN,
            };
        }
        self.run_handlers(event, handlers, now).await
    }

    fn handlers(&self, event: &OutboxEvent) -> Vec<Arc<HandlerDef>> {
        let table = &self.service.table;
        match &event.targets[..] {
            [] => table.matching(&event.envelope),
            names => names
                .iter()
                .filter_map(|name| table.by_name(name).cloned())
                .collect(),
        }
    }

    async fn run_handlers(
        &self,
        event: OutboxEvent,
        handlers: Vec<Arc<HandlerDef>>,
        now: DateTime<Utc>,
    ) -> Settlement {
        let mut state = Delivering {
            progress: event.progress,
            dead: Vec::new(),
            again: None,
            error: None,
        };
        state.bury_orphans(&event.targets, &handlers);
        let envelope = Arc::new(event.envelope);
        let mut answers = Answers::to(&envelope, &self.service);

        let mut due = Vec::new();
        for def in handlers {
            let (retries, retry_at) = match state.progress.0.get(&def.name) {
                Some(HandlerProgress::Done) => continue,
                Some(HandlerProgress::Retry { retries, at }) => (*retries, Some(*at)),
                Some(HandlerProgress::Started { retries, .. }) => (*retries, None),
                None => (0, None),
            };
            if let Some(dead) = crashed(&def, retries, event.lost_claims) {
                let outcome = Outcome::Dead(dead, Fault::Handler);
                answers.add(&def.name, &outcome);
                state.record(&def.name, outcome);
                continue;
            }
            let wait = retry_at
                .filter(|at| *at > now)
                .or_else(|| self.service.runner.wait_until(&def, &envelope));
            match wait {
                Some(at) => {
                    answers.wait_for(&def.name);
                    state.try_again(at);
                }
                None => due.push((def, retries)),
            }
        }
        let runs = due.iter().map(|(def, retries)| {
            let envelope = &envelope;
            async move { (def, self.service.run(def, envelope, *retries).await) }
        });
        for (def, outcome) in join_all(runs).await {
            answers.add(&def.name, &outcome);
            state.record(&def.name, outcome);
        }
        for dead in &state.dead {
            count::dead_lettered(&envelope.topic, dead.handler.as_deref());
        }
        answers.send().await;
        state.settlement()
    }
}

/// Why a handler may not be tried on an event whose claims were lost so often.
fn crashed(def: &HandlerDef, retries: u32, lost_claims: u32) -> Option<DeadReason> {
    let error = match lost_claims {
        0 => return None,
        lost if lost >= LOST_CLAIMS_LIMIT => format!("killed its process {lost} times"),
        _ if !def.options.reject_on_worker_lost => {
            "its process was lost, and `reject_on_worker_lost` is off".to_owned()
        }
        _ => return None,
    };
    tracing::error!(handler = def.name, error, "dead letter");
    Some(DeadReason {
        handler: Some(def.name.clone()),
        attempts: retries.saturating_add(lost_claims),
        error,
    })
}

/// Nobody wants it any more; but handlers that failed and were to try it again leave word of that.
fn expired(event: &OutboxEvent) -> Settlement {
    let Envelope { id, topic, .. } = &event.envelope;
    tracing::info!(event_id = %id, topic, "expired; dropped unhandled");
    let failed = |(name, progress): (&String, &HandlerProgress)| match progress {
        HandlerProgress::Retry { retries, .. } | HandlerProgress::Started { retries, .. }
            if *retries > 0 =>
        {
            Some(DeadReason {
                handler: Some(name.clone()),
                attempts: *retries,
                error: "it failed, and expired before it was tried again".to_owned(),
            })
        }
        _ => None,
    };
    let dead: Vec<_> = event.progress.0.iter().filter_map(failed).collect();
    for reason in &dead {
        count::dead_lettered(topic, reason.handler.as_deref());
    }
    Settlement::Delivered { dead }
}

fn untried(at: DateTime<Utc>, event: OutboxEvent, why: &str) -> Settlement {
    Settlement::Again {
        at,
        error: why.to_owned(),
        progress: event.progress,
        dead: Vec::new(),
        counts: false,
    }
}

impl Delivering {
    /// What waits for a handler that no longer takes the event becomes a dead letter.
    fn bury_orphans(&mut self, targets: &[String], handlers: &[Arc<HandlerDef>]) {
        let mut waiting: BTreeMap<&String, u32> = targets.iter().map(|name| (name, 0)).collect();
        for (name, progress) in &self.progress.0 {
            match progress {
                HandlerProgress::Done => waiting.remove(name),
                HandlerProgress::Retry { retries, .. }
                | HandlerProgress::Started { retries, .. } => waiting.insert(name, *retries),
            };
        }
        waiting.retain(|name, _| handlers.iter().all(|def| def.name != **name));
        let orphans: Vec<_> = waiting.into_iter().map(|(n, r)| (n.clone(), r)).collect();
        for (name, attempts) in orphans {
            let error = format!("this program has no handler `{name}` for the event any more");
            tracing::error!(handler = name, error, "dead letter");
            let handler = Some(name.clone());
            let dead = DeadReason {
                handler,
                attempts,
                error,
            };
            self.record(&name, Outcome::Dead(dead, Fault::Handler));
        }
    }

    fn record(&mut self, handler: &str, outcome: Outcome) {
        let progress = match outcome {
            Outcome::Done(_) | Outcome::Declared(_) => HandlerProgress::Done,
            Outcome::Dead(reason, _) => {
                self.dead.push(reason);
                HandlerProgress::Done
            }
            Outcome::Retry { at, retries, error } => {
                self.error = Some(error);
                self.try_again(at);
                HandlerProgress::Retry { retries, at }
            }
        };
        self.progress.0.insert(handler.to_owned(), progress);
    }

    fn try_again(&mut self, at: DateTime<Utc>) {
        self.again = Some(self.again.map_or(at, |first| first.min(at)));
    }

    fn settlement(self) -> Settlement {
        match self.again {
            None => Settlement::Delivered { dead: self.dead },
            Some(at) => Settlement::Again {
                at,
                counts: self.error.is_some(),
                error: self.error.unwrap_or_else(|| "a handler waits".to_owned()),
                progress: self.progress,
                dead: self.dead,
            },
        }
    }
}
