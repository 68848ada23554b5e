//! Which statements a save sends.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres"))]

mod support;

on_both!("cases/cost.rs");
