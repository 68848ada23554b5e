//! Runs a `crash-child` process.

use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use uuid::Uuid;

use crate::act::{Act, Form};
use crate::bench::Bench;

const SIGKILL: i32 = 9;
static PROGRAM: OnceLock<&str> = OnceLock::new();

/// Says where `crash-child` is: only a test knows, from cargo.
pub fn set_program(program: &'static str) {
    PROGRAM.get_or_init(|| program);
}

/// A save in a process that is SIGKILLed after statement number `n`. Whether it was (else it came to its end).
pub async fn save(bench: &Bench, form: Form, act: Act, id: Uuid, n: u64) -> bool {
    let args = [
        "save",
        bench.adapter.name,
        &bench.kind.to_string(),
        &bench.url,
        &format!("{form:?}"),
        &format!("{act:?}"),
        &id.to_string(),
        &n.to_string(),
    ];
    run(&args).await
}

/// A case in a process of its own.
pub async fn case(bench: &Bench, case: &str) {
    let kind = bench.kind.to_string();
    let args = ["case", bench.adapter.name, &kind, &bench.url, case];
    assert!(!run(&args).await, "{case} was killed");
}

/// Whether the child was killed (else it came to its end). Panics with its words when it failed.
pub async fn run(args: &[&str]) -> bool {
    let child = output(args).await;
    match child.status.signal() {
        Some(SIGKILL) => true,
        _ if child.status.success() => false,
        _ => panic!("{args:?}: {}", String::from_utf8_lossy(&child.stderr)),
    }
}

async fn output(args: &[&str]) -> Output {
    let program = PROGRAM.get().expect("a test has called `set_program`");
    let mut child = tokio::process::Command::new(program);
    child.args(args).stdin(Stdio::null()).kill_on_drop(true);
    child.output().await.unwrap()
}
