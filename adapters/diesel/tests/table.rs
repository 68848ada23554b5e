//! Rules that stand in a table, for every row of a model.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

on_each!("cases/table.rs");
