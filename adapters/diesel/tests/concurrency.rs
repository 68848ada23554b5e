//! Sixteen savers of one row, each on a connection of its own: one transition fires once, and no rule is lost.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_every!("cases/concurrency.rs");
