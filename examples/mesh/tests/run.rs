//! All services talk, with real Python peers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by `cargo xtask services`"))
}

#[test]
fn rust_and_python_talk_in_every_direction() {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh"))
        .env(
            "CELERYSALT_RABBITMQ_URL",
            variable("CELERYSALT_TEST_RABBITMQ_URL"),
        )
        .env(
            "CELERYSALT_REDIS_URL",
            variable("CELERYSALT_TEST_REDIS_URL"),
        )
        .env("CELERYSALT_PYTHON", variable("CELERYSALT_TEST_PYTHON"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for expected in [
        "3 reserved, 7 left",
        "30 not reserved: SOLD_OUT: only 10 of salt are left",
        "thank you for ordering salt at 10.00",
        "somebody asks for the total of 10.00",
        "the bill is 11.90",
        "All four services have talked.",
    ] {
        assert!(said.contains(expected), "`{expected}` is not in:\n{said}");
    }
}
