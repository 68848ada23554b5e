//! Python services of a mesh: celery-salt and tchu-tchu, as they come from the package index.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use celerysalt::broker::conformance::PATIENCE;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use uuid::Uuid;

use super::Mesh;

/// Which package the service is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    CelerySalt,
    TchuTchu,
}

impl Flavour {
    pub(crate) const ALL: [Self; 2] = [Self::CelerySalt, Self::TchuTchu];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CelerySalt => "celery_salt",
            Self::TchuTchu => "tchu_tchu",
        }
    }
}

/// The Python that has the packages.
fn python() -> PathBuf {
    let python = std::env::var("CELERYSALT_TEST_PYTHON");
    python.expect("CELERYSALT_TEST_PYTHON names a Python with celery-salt and tchu-tchu; `cargo xtask services up` makes one").into()
}

pub(crate) fn redis_url() -> String {
    std::env::var("CELERYSALT_TEST_REDIS_URL")
        .expect("CELERYSALT_TEST_REDIS_URL names a Redis; `cargo xtask services up` starts one")
}

/// What the peer's `TYPES` come as: Python's encoders make a float of a decimal.
pub(crate) fn types() -> Value {
    json!({
        "at": "2026-01-25T10:30:00.250000+00:00", "naive": "2026-01-25T10:30:00", "day": "2026-01-25",
        "time": "10:30:00", "amount": 99.9, "id": Uuid::from_u128(7), "set": [1], "bytes": "Zoë", "nothing": null,
    })
}

/// What a Python service and a mesh have in common.
pub(crate) struct Service {
    flavour: Flavour,
    exchange: String,
    pub(crate) queue: String,
    mark: String,
    results: String,
    folder: TempDir,
}

impl Service {
    pub(crate) fn new(mesh: &Mesh, flavour: Flavour) -> Self {
        Self {
            flavour,
            exchange: format!("{}-events", mesh.mark),
            queue: mesh.name(flavour.name()),
            mark: mesh.mark.clone(),
            results: redis_url(),
            folder: TempDir::new().unwrap(),
        }
    }

    /// With answers over RabbitMQ itself.
    pub(crate) fn with_rpc_results(mut self) -> Self {
        self.results = "rpc://".to_owned();
        self
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PEER_FLAVOUR", self.flavour.name())
            .env("PEER_EXCHANGE", &self.exchange)
            .env("PEER_QUEUE", &self.queue)
            .env("PEER_BROKER", super::url())
            .env("PEER_RESULTS", &self.results)
            .env("PEER_KEYPREFIX", format!("{}_", self.mark))
            .env("PEER_RECORD", self.record())
            .stderr(Stdio::from(std::fs::File::create(self.log()).unwrap()))
            .kill_on_drop(true);
        command
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Starts a worker, and waits until its queue is bound and consumed from.
    pub(crate) async fn worker(&self) -> Worker {
        let python = python();
        let mut command = self.command(&python);
        command.args([
            "-m",
            "celery",
            "-A",
            "peer",
            "worker",
            "--pool",
            "solo",
            "--loglevel",
            "INFO",
            "--without-gossip",
            "--without-mingle",
            "--hostname",
            &self.queue,
        ]);
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let ready = async {
            while !self.told().contains(" ready.") {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        if timeout(PATIENCE * 2, ready).await.is_err() {
            panic!("the Python worker is not ready: {}", self.told());
        }
        Worker { child }
    }

    /// What its worker has told.
    pub(crate) fn told(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    /// Starts a client.
    pub(crate) fn client(&self) -> Client {
        let mut command = self.command(&python());
        let mut child = command
            .arg("peer.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Client {
            child,
            input,
            output,
        }
    }

    /// What the worker's handlers have got, once there are so many.
    pub(crate) async fn recorded(&self, count: usize) -> Vec<Value> {
        let read = || -> Vec<Value> {
            let text = std::fs::read_to_string(self.record()).unwrap_or_default();
            let complete = text.rfind('\n').map_or("", |end| &text[..end]);
            complete
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        let enough = async {
            while read().len() < count {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        if timeout(PATIENCE, enough).await.is_err() {
            panic!(
                "{} of {count} came: {:?}\n{}",
                read().len(),
                read(),
                self.told()
            );
        }
        read()
    }

    /// What one of the worker's handlers has got.
    pub(crate) async fn got_by(&self, handler: &str, all: usize) -> Vec<Value> {
        let recorded = self.recorded(all).await.into_iter();
        recorded
            .filter(|entry| entry["handler"] == handler)
            .map(|entry| entry["data"].clone())
            .collect()
    }
}

/// A Celery worker; killed when dropped.
pub(crate) struct Worker {
    child: Child,
}

impl Worker {
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// A Python process that publishes and calls.
pub(crate) struct Client {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Client {
    /// `Ok` with what Python returned, `Err` with the exception's type and text.
    pub(crate) async fn run(&mut self, command: Value) -> Result<Value, (String, String)> {
        self.input
            .write_all(format!("{command}\n").as_bytes())
            .await
            .unwrap();
        let answer = timeout(PATIENCE * 2, self.output.next_line())
            .await
            .expect("Python answers")
            .unwrap();
        let answer: Value = serde_json::from_str(&answer.expect("Python goes on")).unwrap();
        match answer.get("error") {
            Some(error) => Err((
                error.as_str().unwrap().to_owned(),
                answer["text"].as_str().unwrap().to_owned(),
            )),
            None => Ok(answer["ok"].clone()),
        }
    }

    pub(crate) async fn publish(&mut self, topic: &str, data: Value) {
        self.run(json!({"do": "publish", "topic": topic, "data": data}))
            .await
            .unwrap();
    }

    pub(crate) async fn stop(mut self) {
        drop(self.input);
        self.child.wait().await.unwrap();
    }
}
