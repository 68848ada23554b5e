//! Runs a `crash-child` process.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

const SIGKILL: i32 = 9;

/// Whether the child was killed (else it came to its end).
pub async fn run(program: &str, args: &[&str]) -> bool {
    let child = tokio::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    match child.status.signal() {
        Some(SIGKILL) => true,
        _ if child.status.success() => false,
        _ => panic!("{args:?}: {}", String::from_utf8_lossy(&child.stderr)),
    }
}
