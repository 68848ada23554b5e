//! Handlers that take effect once.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_every!("cases/inbox.rs");
