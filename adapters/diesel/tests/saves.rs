//! Every save, on each database: what fires, what does not, what becomes of the rules.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_every!("cases/saves.rs");
