//! A process that is SIGKILLed after any statement of any save leaves exactly the events of committed saves.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(unix, feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_every!("cases/crash.rs");
