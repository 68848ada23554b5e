//! The commands that speak with servers, run as a user runs them.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "these tests need no folder")]
mod common;
#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
#[path = "../../../adapters/amqp/tests/support/proxy.rs"]
mod proxy;

mod call;
mod command;
mod dlq;
mod errors;
mod mesh;
mod outbox;
mod publish;
mod tail;
mod terminal;
