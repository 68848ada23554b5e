//! All services talk, with real Python peers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::{Command, Stdio};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by `cargo xtask services`"))
}

fn mesh() -> Command {
    let mut mesh = Command::new(env!("CARGO_BIN_EXE_mesh"));
    mesh.env(
        "CELERYSALT_RABBITMQ_URL",
        variable("CELERYSALT_TEST_RABBITMQ_URL"),
    )
    .env(
        "CELERYSALT_REDIS_URL",
        variable("CELERYSALT_TEST_REDIS_URL"),
    )
    .env("CELERYSALT_PYTHON", variable("CELERYSALT_TEST_PYTHON"))
    .stdout(Stdio::piped())
    .stderr(Stdio::piped());
    mesh
}

#[test]
fn rust_and_python_talk_in_every_direction_and_two_meshes_do_not_meet() {
    let runs = [mesh().spawn().unwrap(), mesh().spawn().unwrap()];
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{failed}");
        for expected in [
            "3 reserved, 7 left",
            "30 not reserved: SOLD_OUT: only 10 of salt are left",
            "thank you for ordering salt at 10.00",
            "somebody asks for the total of 10.00",
            "the bill is 11.90",
            "All four services have talked.",
        ] {
            assert_eq!(said.matches(expected).count(), 1, "`{expected}`:\n{said}");
        }
    }
}
