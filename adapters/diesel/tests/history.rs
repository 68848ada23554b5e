//! What a save did, kept in the same transaction.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_every!("cases/history.rs");
