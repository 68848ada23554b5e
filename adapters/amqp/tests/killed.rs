//! Workers in processes of their own that are killed while their handlers run.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::broker::{Broker, DeadLetters, DeadSelection, QueueSpec};
use celerysalt::event::Envelope;
use celerysalt::handler::{HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::worker::{Worker, handler_fn};
use celerysalt_amqp::QueueKind;
use serde_json::Value;
use support::load::{RECOVERS_WITHIN, event, publish_all};
use support::process::{Process, order, say};
use support::{Mesh, figures};
use tokio::time::timeout;
use uuid::Uuid;

/// How many handlers run at a time, and stay until the kill.
const HELD: usize = 4;
/// How many events a worker that is killed has handled before.
const PART: usize = 10;
/// Fewer than it takes until an event is taken for the one that kills its workers.
const KILLS: usize = 3;
const KINDS: [(QueueKind, &str); 2] = [
    (QueueKind::Priority, "priority"),
    (QueueKind::Quorum, "quorum"),
];

fn mesh(kind: QueueKind) -> Mesh {
    Mesh::with(|builder| builder.queue_kind(kind))
}

async fn declare(mesh: &Mesh) {
    let spec = QueueSpec {
        name: mesh.name("svc"),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    };
    mesh.broker.declare(&spec).await.unwrap();
}

fn events(topic: &str, count: usize) -> Vec<Envelope> {
    (0..count).map(|n| event(topic, n)).collect()
}

fn ids(events: &[Envelope]) -> BTreeSet<Uuid> {
    events.iter().map(|event| event.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_killed_workers_held_comes_to_another() {
    for (kind, name) in KINDS {
        let mesh = mesh(kind);
        declare(&mesh).await;
        let work = events("order.paid", 200);
        publish_all(&mesh.broker, work.clone()).await;
        let expected = ids(&work);

        let mut log = Log::default();
        for _ in 0..KILLS {
            // Handled a part, and holding some that it never ends.
            let mut worker = start(&mesh, name, HELD, PART);
            for _ in 0..HELD + 2 * PART {
                log.take(worker.next(&WORDS).await.unwrap());
            }
            worker.kill().await;
        }
        let held = log.entered.difference(&log.done).count();
        let mut last = start(&mesh, name, HELD, usize::MAX);
        while !expected.is_subset(&log.done) {
            log.take(last.next(&WORDS).await.unwrap());
        }
        last.kill().await;

        figures(format_args!(
            "{name} queue, {KILLS} workers killed in their handlers: {} events, {held} held by a dead one, {} handled, \
             {} handlings more than one an event",
            expected.len(),
            log.done.len(),
            log.entries - log.entered.len(),
        ));
        assert!(held >= HELD, "the workers were killed in a handler");
        assert_eq!(log.done, expected, "and nothing that nobody published");
        let dead = letters(&mesh).await;
        assert!(dead.is_empty(), "{dead:?}");
        mesh.remove(&[mesh.name("svc")]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_kills_its_workers_is_dead_after_the_limit_and_holds_up_nobody() {
    for (kind, name) in KINDS {
        let mesh = mesh(kind);
        declare(&mesh).await;
        let deadly = event("order.deadly", 1);
        let others = events("order.paid", 20);
        let all = [vec![deadly.clone()], others.clone()].concat();
        publish_all(&mesh.broker, all).await;

        let (mut log, mut kills) = (Log::default(), 0);
        let mut worker = start(&mesh, name, 1, usize::MAX);
        let until = async {
            while letters(&mesh).await.is_empty() || !ids(&others).is_subset(&log.done) {
                let line = tokio::select! {
                    line = worker.next(&WORDS) => line.unwrap(),
                    () = tokio::time::sleep(Duration::from_millis(200)) => continue,
                };
                let deadly = line.starts_with("enters order.deadly");
                log.take(line);
                if deadly {
                    let killed = std::mem::replace(&mut worker, start(&mesh, name, 1, usize::MAX));
                    killed.kill().await;
                    kills += 1;
                }
            }
        };
        timeout(RECOVERS_WITHIN, until).await.unwrap();
        worker.kill().await;

        let dead = letters(&mesh).await;
        figures(format_args!(
            "{name} queue: an event killed {kills} workers, then: {}; {} others handled",
            dead[0].1,
            others.len()
        ));
        assert_eq!(
            dead,
            [(deadly.id, "killed its worker 4 times".to_owned())],
            "it alone"
        );
        assert_eq!(kills, 4);
        assert_eq!(log.done, ids(&others));
        mesh.remove(&[mesh.name("svc")]).await;
    }
}

/// The dead letters, and what is said of them.
async fn letters(mesh: &Mesh) -> Vec<(Uuid, String)> {
    let all = mesh
        .broker
        .list(&mesh.name("svc"), &DeadSelection::All, 100)
        .await
        .unwrap();
    let said = all
        .into_iter()
        .map(|letter| (letter.envelope.id, letter.reason.error));
    said.collect()
}

/// What the workers say of their handlers.
const WORDS: [&str; 2] = ["enters ", "leaves "];

#[derive(Default)]
struct Log {
    entered: BTreeSet<Uuid>,
    done: BTreeSet<Uuid>,
    entries: usize,
}

impl Log {
    fn take(&mut self, line: String) {
        let id = line.rsplit(' ').next().unwrap().parse().unwrap();
        if line.starts_with("enters") {
            self.entered.insert(id);
            self.entries += 1;
        } else {
            self.done.insert(id);
        }
    }
}

/// A worker that leaves its handler so often, and then stays in it.
fn start(mesh: &Mesh, kind: &str, concurrency: usize, leaves: usize) -> Process {
    Process::start(&format!("{} {kind} {concurrency} {leaves}", mesh.mark))
}

/// What the worker's process runs. A test run passes it by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Some(order) = order() else {
        return;
    };
    let words: Vec<&str> = order.split(' ').collect();
    let [mark, kind, concurrency, leaves] = words[..] else {
        panic!("no order: {order}");
    };
    let kind = KINDS.iter().find(|(_, name)| *name == kind).unwrap().0;
    let worker = Worker::builder(
        Arc::new(Mesh::builder(mark).queue_kind(kind).build()),
        "svc",
    )
    .queue(format!("svc-{mark}"))
    .handlers([handler(leaves.parse().unwrap())])
    .concurrency(concurrency.parse().unwrap())
    .build()
    .unwrap();
    worker.run(std::future::pending()).await.unwrap();
}

/// Says when it is entered and left; a deadly event is never left, nor is any when so many have been.
fn handler(leaves: usize) -> HandlerDef {
    let left = Arc::new(AtomicUsize::new(0));
    let run = move |cx: celerysalt::handler::Context| {
        let left = Arc::clone(&left);
        async move {
            let Envelope { id, topic, .. } = &*cx.envelope;
            say(&format!("enters {topic} {id}"));
            if topic == "order.deadly" || left.fetch_add(1, Ordering::SeqCst) >= leaves {
                std::future::pending::<()>().await;
            }
            say(&format!("leaves {topic} {id}"));
            Ok::<_, HandlerError>(Value::Null)
        }
    };
    HandlerDef {
        name: "h".to_owned(),
        pattern: "order.#".to_owned(),
        version: VersionSpec::Latest,
        options: HandlerOptions::default(),
        handler: Arc::new(handler_fn(run)),
    }
}
