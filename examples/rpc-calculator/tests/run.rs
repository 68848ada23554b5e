//! What a newcomer sees, over each transport.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;

fn run(variables: &[(&str, String)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpc-calculator"));
    command
        .env_remove("CELERYSALT_RABBITMQ_URL")
        .env_remove("CELERYSALT_REDIS_URL");
    let output = command.envs(variables.iter().cloned()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn url(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} names a server; `cargo xtask services up` starts one")
    })
}

const ANSWERS: &str =
    "7 / 2 = 3, remainder 1\n7 / 0: 7 divided by 0 is no whole number (DIVISION)\n";

#[test]
fn it_answers_in_memory_and_over_servers() {
    assert_eq!(run(&[]), format!("over memory\n{ANSWERS}"));
    let rabbitmq = (
        "CELERYSALT_RABBITMQ_URL",
        url("CELERYSALT_TEST_RABBITMQ_URL"),
    );
    let redis = ("CELERYSALT_REDIS_URL", url("CELERYSALT_TEST_REDIS_URL"));
    let over_rabbitmq = run(std::slice::from_ref(&rabbitmq));
    assert_eq!(
        over_rabbitmq,
        format!("over RabbitMQ, answers over RabbitMQ\n{ANSWERS}")
    );
    assert_eq!(
        run(&[rabbitmq, redis]),
        format!("over RabbitMQ, answers in Redis\n{ANSWERS}")
    );
}
