//! `celerysalt tail`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use celerysalt::broker::{Broker, PublishError};
use celerysalt::event::{Envelope, Meta};
use serde_json::json;
use uuid::Uuid;

use crate::command::{celerysalt, ended, run};
use crate::common::Done;
use crate::mesh::Mesh;

/// A tail that watches already.
struct Tail(Child);

impl Tail {
    fn start(mesh: &Mesh, words: &[&str]) -> Self {
        let place = ["tail", "--exchange", &mesh.exchange];
        let mut command = celerysalt(&[&place[..], words].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert!(said.starts_with("watching "), "{said}");
        Self(child)
    }

    fn interrupt(&self) {
        let pid = self.0.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.unwrap().success());
    }

    fn end(self) -> Done {
        ended(self.0.wait_with_output().unwrap())
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
    let mut out = tail.0.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    tail.interrupt();
    let rest = tokio::task::spawn_blocking(move || out.read_to_end(&mut Vec::new()));
    let ended = tokio::time::timeout(Duration::from_secs(30), rest).await;
    if ended.is_err() {
        tail.0.kill().unwrap();
    }
    assert!(ended.is_ok(), "it did not hear");
    assert_eq!(tail.end().code, 0);
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
