//! Publishes and handles events while something breaks, and counts what came.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::broker::{Broker, PublishError};
use celerysalt::event::{Envelope, Meta};
use celerysalt::handler::{Context, HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::worker::{Worker, WorkerError, handler_fn};
use celerysalt_amqp::AmqpBroker;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::figures;

/// How long what was broken may take to come to itself.
pub(crate) const RECOVERS_WITHIN: Duration = Duration::from_secs(120);

/// How long a worker that has nothing left to do may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(20);

/// How many events are published at a time under load.
pub(crate) const BATCH: usize = 20;

/// How many events a worker of these tests holds at a time, and RabbitMQ hands out to it unsettled.
pub(crate) const PLACES: usize = 8;

pub(crate) fn event(topic: &str, number: usize) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        topic: topic.to_owned(),
        version: Some("v1".to_owned()),
        payload: json!({ "number": number }),
        meta: Meta::default(),
    }
}

/// Publishes a batch until every event is taken, as a relay does; how often one was refused.
pub(crate) async fn publish_all(broker: &AmqpBroker, mut batch: Vec<Envelope>) -> usize {
    let mut refused = 0;
    while !batch.is_empty() {
        let results = broker.publish(&batch).await;
        let left = batch
            .into_iter()
            .zip(results)
            .filter_map(|(event, result)| match result {
                Ok(()) => None,
                Err(PublishError::Refused { .. } | PublishError::Unroutable { .. }) => Some(event),
                Err(error) => unreachable!("{error}"),
            });
        batch = left.collect();
        if !batch.is_empty() {
            refused += batch.len();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    refused
}

/// Publishes in small batches while `disturb` runs; returns the ids once all are taken, and how many were refused meanwhile.
pub(crate) async fn under_load(
    broker: &AmqpBroker,
    batches: usize,
    disturb: impl Future<Output = ()>,
) -> (BTreeSet<Uuid>, usize) {
    let calm = Arc::new(AtomicBool::new(false));
    let (publisher, settled) = (broker.clone(), Arc::clone(&calm));
    // On its own, so that it goes on while a disturbance blocks.
    let load = tokio::spawn(async move {
        let (mut ids, mut refused, mut sent) = (BTreeSet::new(), 0, 0);
        while sent < batches || !settled.load(Ordering::SeqCst) {
            let batch: Vec<Envelope> = (0..BATCH)
                .map(|n| event("order.paid", sent * BATCH + n))
                .collect();
            ids.extend(batch.iter().map(|event| event.id));
            refused += publish_all(&publisher, batch).await;
            sent += 1;
            // Leaves the machine to those who disturb.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (ids, refused)
    });
    disturb.await;
    calm.store(true, Ordering::SeqCst);
    load.await.unwrap()
}

pub(crate) async fn finish(label: &str, tally: &Tally, ids: &BTreeSet<Uuid>, refused: usize) {
    tally.until(ids).await;
    figures(format_args!(
        "{label}: {} events published, {refused} refused and published again, {} handled, {} deliveries more than once",
        ids.len(),
        tally.events(),
        tally.again()
    ));
    assert_eq!(
        tally.events(),
        ids.len(),
        "{label}: events that nobody published"
    );
}

/// What a worker's handler has got: how often each event.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<Uuid, usize>>>);

impl Tally {
    pub(crate) fn handler(&self, pattern: &str) -> HandlerDef {
        let tally = self.clone();
        define("tally", pattern, HandlerOptions::default(), move |cx| {
            *tally.0.lock().unwrap().entry(cx.envelope.id).or_default() += 1;
            Ok(Value::Null)
        })
    }

    pub(crate) fn events(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// How often an event came.
    pub(crate) fn times(&self, id: Uuid) -> usize {
        self.0.lock().unwrap().get(&id).copied().unwrap_or_default()
    }

    /// Deliveries beyond one an event.
    pub(crate) fn again(&self) -> usize {
        let tally = self.0.lock().unwrap();
        tally.values().sum::<usize>() - tally.len()
    }

    /// What it has not got of these.
    pub(crate) fn missing(&self, expected: &BTreeSet<Uuid>) -> Vec<Uuid> {
        let tally = self.0.lock().unwrap();
        let missing = expected.iter().filter(|id| !tally.contains_key(id));
        missing.copied().collect()
    }

    pub(crate) async fn until(&self, expected: &BTreeSet<Uuid>) {
        let missing = || self.missing(expected);
        let all = async {
            while !missing().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let came = tokio::time::timeout(RECOVERS_WITHIN, all).await;
        assert!(
            came.is_ok(),
            "of {} events some are missing: {:?}",
            expected.len(),
            missing()
        );
    }
}

/// A handler of a plain function.
pub(crate) fn define(
    name: &str,
    pattern: &str,
    options: HandlerOptions,
    run: impl Fn(Context) -> Result<Value, HandlerError> + Send + Sync + 'static,
) -> HandlerDef {
    let run = Arc::new(run);
    let handler = handler_fn(move |cx| {
        let run = Arc::clone(&run);
        async move { run(cx) }
    });
    HandlerDef {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        version: VersionSpec::Latest,
        options,
        handler: Arc::new(handler),
    }
}

/// A worker that runs until told.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    pub(crate) fn start(broker: &AmqpBroker, queue: &str, handlers: Vec<HandlerDef>) -> Self {
        let worker = Worker::builder(Arc::new(broker.clone()), queue)
            .concurrency(PLACES)
            .handlers(handlers)
            .build()
            .unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(worker.run(async {
            // A dropped sender stops it as well.
            let _ = stopped.await;
        }));
        Self { stop, ended }
    }

    /// With nothing left to do it ends at once, long before the shutdown time is over.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        let ended = tokio::time::timeout(STOPS_WITHIN, self.ended).await;
        ended.expect("nothing holds it").unwrap().unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ends(self) -> Result<(), WorkerError> {
        let _kept = self.stop;
        tokio::time::timeout(RECOVERS_WITHIN, self.ended)
            .await
            .expect("it ends")
            .unwrap()
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let came = tokio::time::timeout(RECOVERS_WITHIN, until).await;
    assert!(came.is_ok(), "{what} did not come to pass");
}
