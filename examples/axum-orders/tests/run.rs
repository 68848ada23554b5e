//! What a newcomer sees, with the events in the process and over RabbitMQ.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

fn run(rabbitmq: Option<String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_axum-orders"));
    command
        .current_dir(folder.path())
        .env_remove("CELERYSALT_RABBITMQ_URL");
    if let Some(url) = rabbitmq {
        command.env("CELERYSALT_RABBITMQ_URL", url);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn orders_are_saved_over_http_and_their_events_leave() {
    let alone = run(None);
    for expected in [
        "order made: \"99.90\" \"pending\"",
        "a rule that is wrong: ",
        "statsu",
        "rule #0: the key `operator` is missing",
        "order \"paid\": 0 rule(s) left",
        "-> send_receipt: 99.90 was paid",
        "the relay delivers 1 event(s)",
    ] {
        assert!(alone.contains(expected), "`{expected}` is not in:\n{alone}");
    }
    let url = std::env::var("CELERYSALT_TEST_RABBITMQ_URL")
        .expect("`cargo xtask services up` starts a RabbitMQ");
    let meshed = run(Some(url));
    assert!(meshed.contains("the relay delivers 1 event(s)"), "{meshed}");
}
