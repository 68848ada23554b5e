//! Connections that are lost while handlers run: no worker has crashed, and no handler runs twice at a time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueSpec};
use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
use celerysalt::worker::{Health, Worker, WorkerState, handler_fn};
use celerysalt_amqp::{AmqpBroker, QueueKind};
use lapin::uri::AMQPUri;
use serde_json::Value;
use support::Mesh;
use support::load::{Running, Tally, event, eventually, publish_all};
use support::node::OwnNode;
use support::proxy::{Proxy, Weather};
use tokio::sync::{Semaphore, oneshot};

/// More than it takes until an event is taken for one that kills its workers.
const LOSSES: usize = 5;

/// A handler that waits until it may end, and is not to run again after a crash.
#[derive(Clone)]
struct Slow {
    may_end: Arc<Semaphore>,
    started: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Slow {
    fn new() -> Self {
        Self {
            may_end: Arc::new(Semaphore::new(0)),
            started: Arc::default(),
            ended: Arc::default(),
        }
    }

    /// How often it started, and how often it ended.
    fn runs(&self) -> (usize, usize) {
        (
            self.started.load(Ordering::SeqCst),
            self.ended.load(Ordering::SeqCst),
        )
    }

    fn handler(&self) -> HandlerDef {
        let slow = self.clone();
        let handler = handler_fn(move |_| {
            let slow = slow.clone();
            async move {
                slow.started.fetch_add(1, Ordering::SeqCst);
                slow.may_end.acquire().await.unwrap().forget();
                slow.ended.fetch_add(1, Ordering::SeqCst);
                Ok(Value::Null)
            }
        });
        HandlerDef {
            name: "slow".to_owned(),
            pattern: "order.slow".to_owned(),
            version: VersionSpec::Latest,
            options: HandlerOptions {
                reject_on_worker_lost: false,
                ..HandlerOptions::default()
            },
            handler: Arc::new(handler),
        }
    }
}

/// The mesh of a test, by way of a proxy.
async fn by_way_of_a_proxy(mesh: &Mesh, kind: QueueKind) -> (Proxy, AmqpBroker) {
    let uri: AMQPUri = support::url().parse().unwrap();
    let proxy = Proxy::to(uri.authority.port).await;
    let (there, here) = (
        format!(":{}", uri.authority.port),
        format!(":{}", proxy.port),
    );
    let broker = AmqpBroker::builder(&support::url().replace(&there, &here))
        .unwrap()
        .exchange(format!("{}-events", mesh.mark))
        .service(&mesh.mark)
        .queue_kind(kind)
        .build();
    (proxy, broker)
}

fn spec(queue: &str) -> QueueSpec {
    QueueSpec {
        name: queue.to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

async fn lose_connections(proxy: &Proxy, health: &Health) {
    let is = |state| health.snapshot().state == state;
    proxy.set(Weather::Cut);
    eventually("the loss is noticed", async || {
        is(WorkerState::Disconnected)
    })
    .await;
    proxy.set(Weather::Clear);
    eventually("it consumes", async || is(WorkerState::Consuming)).await;
}

async fn a_handler_outlives_its_connections(kind: QueueKind) {
    let mesh = Mesh::with(|builder| builder.queue_kind(kind));
    let queue = mesh.name("svc");
    let (proxy, broker) = by_way_of_a_proxy(&mesh, kind).await;
    mesh.broker.declare(&spec(&queue)).await.unwrap();
    let (slow, tally) = (Slow::new(), Tally::default());
    let worker = Worker::builder(Arc::new(broker), &queue)
        .concurrency(8)
        .handlers([slow.handler(), tally.handler("order.paid")])
        .build()
        .unwrap();
    let health = worker.health();
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run(async {
        // A dropped sender stops it as well.
        let _ = stopped.await;
    }));
    publish_all(&mesh.broker, vec![event("order.slow", 1)]).await;
    eventually("it runs", async || slow.runs() == (1, 0)).await;
    for loss in 0..LOSSES {
        lose_connections(&proxy, &health).await;
        // What stands behind it in the queue is handled, so it has come again.
        let behind = event("order.paid", loss);
        let ids = BTreeSet::from([behind.id]);
        publish_all(&mesh.broker, vec![behind]).await;
        tally.until(&ids).await;
        assert_eq!(slow.runs(), (1, 0), "after loss {loss}");
    }
    // What was put aside when the connection was lost may have become two.
    slow.may_end.add_permits(2 + LOSSES);
    let dead = async || {
        let dead = mesh.broker.list(&queue, &DeadSelection::All, 9).await;
        dead.unwrap()
    };
    eventually("it is handled again", async || {
        assert!(dead().await.is_empty(), "{:?}", dead().await);
        let (started, ended) = slow.runs();
        started >= 2 && started == ended
    })
    .await;
    stop.send(()).unwrap();
    working.await.unwrap().unwrap();
    assert!(dead().await.is_empty(), "{:?}", dead().await);
    mesh.remove(&[queue]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_outlives_its_connections_uncounted_and_alone() {
    a_handler_outlives_its_connections(QueueKind::Priority).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_outlives_its_connections_on_a_quorum_queue() {
    a_handler_outlives_its_connections(QueueKind::Quorum).await;
}

/// RabbitMQ closes the channel of a handler that takes longer than its `consumer_timeout`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_outlives_the_patience_of_its_broker_uncounted_and_alone() {
    let node = OwnNode::start();
    // It looks for what it waits for once a minute unless told.
    let impatient = "application:set_env([{rabbit, [{consumer_timeout, 1000}, {channel_tick_interval, 200}]}]).";
    tokio::task::block_in_place(|| node.eval(impatient));
    let broker = node.builder().build();
    broker.declare(&spec("svc")).await.unwrap();
    let (slow, tally) = (Slow::new(), Tally::default());
    let handlers = vec![slow.handler(), tally.handler("order.paid")];
    let worker = Running::start(&broker, "svc", handlers);
    publish_all(&broker, vec![event("order.slow", 1)]).await;
    eventually("RabbitMQ closes the channel", async || {
        node.log().contains("precondition_failed")
    })
    .await;
    // The worker consumes again, and what stands behind it is handled.
    let behind = event("order.paid", 1);
    let ids = BTreeSet::from([behind.id]);
    publish_all(&broker, vec![behind]).await;
    tally.until(&ids).await;
    assert_eq!(slow.runs(), (1, 0));
    slow.may_end.add_permits(4);
    eventually("it is handled again", async || {
        let (started, ended) = slow.runs();
        started >= 2 && started == ended
    })
    .await;
    let dead = broker.list("svc", &DeadSelection::All, 9).await.unwrap();
    assert!(dead.is_empty(), "{dead:?}");
    worker.stop().await;
}
