//! Every save, on both databases: what fires, what does not, what becomes of the rules.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres"))]

mod support;

on_both!("cases/saves.rs");
