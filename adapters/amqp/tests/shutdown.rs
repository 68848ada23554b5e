//! A worker's process that is told to end by signals, while a handler runs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use celerysalt::broker::{Broker, Delivery, QueueSpec};
use celerysalt::handler::{HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::publisher::{PublishOptions, Publisher};
use celerysalt::worker::{Health, Worker, WorkerState, handler_fn};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::Mesh;
use support::process::{Process, order, say};
use tokio::time::timeout;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_runs_ends_before_its_process_does() {
    let mesh = Mesh::new();
    let mut worker = Service::start(&mesh, "patient").await;
    worker.process.until("entered").await;
    worker.process.send(Signal::TERM);
    worker.process.until("done").await;
    assert!(worker.process.end().await.success());
    assert_eq!(
        Mesh::waiting(&mesh.name("svc")).await,
        0,
        "it was acknowledged"
    );
    mesh.remove(&[mesh.name("svc")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_too_slow_is_returned_uncounted() {
    let mesh = Mesh::new();
    let mut worker = Service::start(&mesh, "slow").await;
    worker.process.until("entered").await;
    worker.process.send(Signal::TERM);
    assert!(worker.process.end().await.success());
    let delivery = take(&mesh).await;
    assert_eq!(delivery.envelope.id, worker.event);
    assert_eq!((delivery.redelivered, delivery.retries), (0, 0));
    mesh.remove(&[mesh.name("svc")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_wait() {
    let mesh = Mesh::new();
    let mut worker = Service::start(&mesh, "stubborn").await;
    worker.process.until("entered").await;
    worker.process.send(Signal::TERM);
    worker.process.until("shutting down").await;
    worker.process.send(Signal::INT);
    assert!(worker.process.end().await.success());
    let delivery = take(&mesh).await;
    assert_eq!(delivery.envelope.id, worker.event);
    assert_eq!((delivery.redelivered, delivery.retries), (0, 0));
    mesh.remove(&[mesh.name("svc")]).await;
}

/// A worker in a process of its own, with one event published to it.
struct Service {
    process: Process,
    event: Uuid,
}

impl Service {
    async fn start(mesh: &Mesh, manner: &str) -> Self {
        mesh.broker
            .declare(&queue(&mesh.name("svc")))
            .await
            .unwrap();
        let publisher = Publisher::to_broker(Arc::new(mesh.broker.clone()));
        let options = PublishOptions::default();
        let event = publisher.publish_json("order.paid", None, json!({"order_id": 7}), options);
        let event = event.await.unwrap();
        let process = Process::start(&format!("{} {manner}", mesh.mark));
        Self { process, event }
    }
}

fn queue(name: &str) -> QueueSpec {
    QueueSpec {
        name: name.to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

async fn take(mesh: &Mesh) -> Delivery {
    let mut consumer = mesh.broker.consume(&mesh.name("svc"), 1).await.unwrap();
    let delivery = timeout(DEADLINE, consumer.next()).await.unwrap().unwrap();
    delivery.settle.ack().await.unwrap();
    delivery
}

/// What the child runs: the test program itself, started again. A test run passes it by.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Some(order) = order() else {
        return;
    };
    let (mark, manner) = order.split_once(' ').unwrap();
    let broker = Mesh::builder(mark).build();
    let shutdown_time = match manner {
        "slow" => Duration::from_millis(100),
        _ => Duration::from_secs(3600),
    };
    let worker = Worker::builder(Arc::new(broker), "svc")
        .queue(format!("svc-{mark}"))
        .handlers([handler(manner == "patient")])
        .shutdown_time(shutdown_time)
        .build()
        .unwrap();
    HEALTH.get_or_init(|| worker.health());
    tokio::spawn(async {
        until_shutdown().await;
        say("shutting down");
    });
    worker.run_until_signal().await.unwrap();
}

static HEALTH: OnceLock<Health> = OnceLock::new();

/// Ends when the shutdown has begun, or never.
fn handler(ends: bool) -> HandlerDef {
    let run = move |_| async move {
        say("entered");
        until_shutdown().await;
        if !ends {
            std::future::pending::<()>().await;
        }
        say("done");
        Ok::<_, HandlerError>(Value::Null)
    };
    HandlerDef {
        name: "h".to_owned(),
        pattern: "order.#".to_owned(),
        version: VersionSpec::Latest,
        options: HandlerOptions::default(),
        handler: Arc::new(handler_fn(run)),
    }
}

async fn until_shutdown() {
    let health = HEALTH.get().unwrap();
    while health.snapshot().state != WorkerState::ShuttingDown {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
