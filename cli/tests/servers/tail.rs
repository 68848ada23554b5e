//! `celerysalt tail`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use celerysalt::broker::{Broker, PublishError};
use celerysalt::event::{Envelope, Meta};
use lapin::uri::AMQPUri;
use serde_json::json;
use uuid::Uuid;

use crate::command::{celerysalt, ended, run, server};
use crate::common::Done;
use crate::mesh::Mesh;
use crate::proxy::{Proxy, Weather};

const PATIENCE: Duration = Duration::from_secs(30);

/// A tail that watches already.
struct Tail {
    child: Child,
    notes: mpsc::Receiver<String>,
}

impl Tail {
    fn start(mesh: &Mesh, words: &[&str]) -> Self {
        let place = ["tail", "--exchange", &mesh.exchange];
        let mut command = celerysalt(&[&place[..], words].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (note, notes) = mpsc::channel();
        std::thread::spawn(move || stderr.lines().try_for_each(|line| note.send(line.unwrap())));
        let tail = Self { child, notes };
        tail.says("watching ");
        tail
    }

    /// Waits for the next note, which tells this.
    #[track_caller]
    fn says(&self, text: &str) {
        let note = self.notes.recv_timeout(PATIENCE);
        let note = note.unwrap_or_else(|_| panic!("it does not say `{text}`"));
        assert!(note.contains(text), "{note}");
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.unwrap().success());
    }

    /// Waits for its end, and asks that it comes.
    #[track_caller]
    fn end(mut self) -> Done {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        ended(self.child.wait_with_output().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_matching_events_one_a_line() {
    let mesh = Mesh::bound("#").await;
    let words = ["order.*", "--count", "2"];
    let (wide, narrow) = (Tail::start(&mesh, &words), ["--width", "60"]);
    let narrow = Tail::start(&mesh, &[&words[..], &narrow].concat());
    let json_lines = Tail::start(&mesh, &[&words[..], &["--json"]].concat());
    mesh.publish("invoice.sent", json!({})).await;
    let first = mesh
        .publish("order.paid", json!({"text": "\u{9b}2J"}))
        .await;
    let second = mesh
        .publish("order.sent", json!({"long": "x".repeat(500)}))
        .await;
    mesh.publish("order.paid.late", json!({})).await;

    let done = wide.end();
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines.len(), 2, "{done:?}");
    let expected = format!("  order.paid  v1  {first}  {{\"text\":\"\\u{{9b}}2J\"}}");
    assert!(lines[0].ends_with(&expected), "{done:?}");
    assert!(
        lines[1].contains(&format!("order.sent  v1  {second}")),
        "{done:?}"
    );
    assert!(lines[1].len() > 500, "whole, where there is no terminal");

    let done = narrow.end();
    assert!(
        done.out.lines().all(|line| line.chars().count() == 60),
        "{done:?}"
    );
    assert!(done.out.lines().all(|line| line.ends_with('…')), "{done:?}");

    let seen = json_lines.end().lines();
    assert_eq!(seen[0]["topic"], "order.paid");
    assert_eq!(seen[1]["id"], json!(second));
    assert_eq!(seen[1]["payload"]["long"], json!("x".repeat(500)));
    assert!(seen[1]["seen_at"].is_string());
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_cleanly_at_ctrl_c_and_leaves_no_queue() {
    let mesh = Mesh::bound("order.#").await;
    let tail = Tail::start(&mesh, &["lonely.*"]);
    let event = || Envelope {
        id: Uuid::now_v7(),
        topic: "lonely.event".to_owned(),
        version: None,
        payload: json!({}),
        meta: Meta::default(),
    };
    mesh.broker.publish(&[event()]).await.remove(0).unwrap();
    tail.interrupt();
    assert_eq!(tail.end().code, 0);
    let unbound = mesh.broker.publish(&[event()]).await.remove(0);
    assert!(
        matches!(unbound, Err(PublishError::Unroutable { .. })),
        "{unbound:?}"
    );
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hears_ctrl_c_while_it_prints() {
    let mesh = Mesh::bound("order.#").await;
    let mut tail = Tail::start(&mesh, &["order.*"]);
    // More than a pipe holds: it prints until somebody has read all of it.
    let long = json!({"long": "x".repeat(1_000_000)});
    mesh.publish("order.paid", long).await;
    let mut out = tail.child.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    tail.interrupt();
    let rest = tokio::task::spawn_blocking(move || out.read_to_end(&mut Vec::new()));
    let ended = tokio::time::timeout(PATIENCE, rest).await;
    if ended.is_err() {
        tail.child.kill().unwrap();
    }
    assert!(ended.is_ok(), "it did not hear");
    assert_eq!(tail.end().code, 0);
    mesh.close().await;
}

/// A way to the broker that can be cut.
async fn proxy() -> (Proxy, String) {
    let url = server("CELERYSALT_TEST_RABBITMQ_URL");
    let port = url.parse::<AMQPUri>().unwrap().authority.port;
    let proxy = Proxy::to(port).await;
    let by_way_of_it = url.replace(&format!(":{port}"), &format!(":{}", proxy.port));
    (proxy, by_way_of_it)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_when_its_connection_was_lost() {
    let mesh = Mesh::bound("order.#").await;
    let (proxy, url) = proxy().await;
    let words = ["order.*", "--count", "2", "--rabbitmq-url", &url];
    let mut tail = Tail::start(&mesh, &words);
    let first = mesh.publish("order.paid", json!({})).await;
    let mut seen = String::new();
    let mut out = BufReader::new(tail.child.stdout.take().unwrap());
    out.read_line(&mut seen).unwrap();
    assert!(seen.contains(&first.to_string()), "{seen}");

    proxy.set(Weather::Cut);
    tail.says("connecting again");
    let missed = mesh.publish("order.paid", json!({})).await;
    proxy.set(Weather::Clear);
    while let Ok(note) = tail.notes.recv_timeout(PATIENCE)
        && !note.starts_with("watching again")
    {
        assert!(note.ends_with("trying again"), "{note}");
    }
    let second = mesh.publish("order.sent", json!({})).await;
    assert_eq!(tail.end().code, 0, "the second is the last");
    out.read_to_string(&mut seen).unwrap();
    assert!(seen.contains(&second.to_string()), "{seen}");
    assert!(!seen.contains(&missed.to_string()), "{seen}");
    mesh.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hears_ctrl_c_while_the_broker_is_away() {
    let mesh = Mesh::bound("order.#").await;
    for weather in [Weather::Cut, Weather::Stalled] {
        let (proxy, url) = proxy().await;
        let tail = Tail::start(&mesh, &["order.*", "--rabbitmq-url", &url]);
        proxy.set(weather);
        if weather == Weather::Cut {
            tail.says("connecting again");
        }
        tail.interrupt();
        assert_eq!(tail.end().code, 0, "{weather:?}");
    }
    mesh.close().await;
}

#[test]
fn says_what_it_cannot_watch() {
    run(&["tail", "#", "--exchange", "no-such-exchange"])
        .failed(3, &["exchange `no-such-exchange`: NOT_FOUND"]);
    for (pattern, text) in [
        ("order.pa*", "whole words"),
        ("", "subscribes to everything"),
    ] {
        let done = run(&["tail", pattern]);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(text), "{done:?}");
    }
}
