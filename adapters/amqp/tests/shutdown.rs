//! A worker's process that is told to end by signals, while a handler runs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use celerysalt::broker::{Broker, Delivery, QueueSpec};
use celerysalt::handler::{HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::publisher::{PublishOptions, Publisher};
use celerysalt::worker::{Health, Worker, WorkerState, handler_fn};
use celerysalt_amqp::AmqpBroker;
use lapin::options::QueueDeclareOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::Mesh;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use uuid::Uuid;

/// The child's mesh and how it behaves; only a child has it.
const CHILD: &str = "CELERYSALT_SHUTDOWN_CHILD";
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_runs_ends_before_its_process_does() {
    let mesh = Mesh::new();
    let mut worker = Service::start(&mesh, "patient").await;
    worker.until("entered").await;
    worker.send(Signal::TERM);
    worker.until("done").await;
    assert!(worker.end().await.success());
    assert_eq!(left(&mesh).await, 0, "it was acknowledged");
    mesh.remove(&[mesh.name("svc")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_too_slow_is_returned_uncounted() {
    let mesh = Mesh::new();
    let mut worker = Service::start(&mesh, "slow").await;
    worker.until("entered").await;
    worker.send(Signal::TERM);
    assert!(worker.end().await.success());
    let delivery = take(&mesh).await;
    assert_eq!(delivery.envelope.id, worker.event);
    assert_eq!((delivery.redelivered, delivery.retries), (0, 0));
    mesh.remove(&[mesh.name("svc")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_wait() {
    let mesh = Mesh::new();
    let mut worker = Service::start(&mesh, "stubborn").await;
    worker.until("entered").await;
    worker.send(Signal::TERM);
    worker.until("shutting down").await;
    worker.send(Signal::INT);
    assert!(worker.end().await.success());
    let delivery = take(&mesh).await;
    assert_eq!(delivery.envelope.id, worker.event);
    assert_eq!((delivery.redelivered, delivery.retries), (0, 0));
    mesh.remove(&[mesh.name("svc")]).await;
}

/// A worker in a process of its own, with one event published to it.
struct Service {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
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
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, format!("{} {manner}", mesh.mark))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            event,
        }
    }

    /// Waits until the child says so.
    async fn until(&mut self, word: &str) {
        let said = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line == word {
                    return;
                }
            }
            panic!("the child ended and never said `{word}`");
        };
        timeout(DEADLINE, said).await.unwrap();
    }

    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    async fn end(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap()
    }
}

fn queue(name: &str) -> QueueSpec {
    QueueSpec {
        name: name.to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    }
}

/// How many messages are in the queue.
async fn left(mesh: &Mesh) -> u32 {
    let (connection, channel) = Mesh::channel().await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let name = mesh.name("svc");
    let declared = channel.queue_declare(name.into(), passive, Default::default());
    let count = declared.await.unwrap().message_count();
    connection.close(200, "done".into()).await.unwrap();
    count
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
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let (mark, manner) = order.split_once(' ').unwrap();
    let broker = AmqpBroker::builder(&support::url())
        .unwrap()
        .exchange(format!("{mark}-events"))
        .service(mark)
        .build();
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

/// The line break first: the test harness has begun one.
fn say(word: &str) {
    println!("\n{word}");
}
