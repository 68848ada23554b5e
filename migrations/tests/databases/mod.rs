//! A fresh database per test.
#![allow(dead_code, unreachable_pub)] // compiled into several test programs, each of which uses its part
#![allow(clippy::unwrap_used, clippy::panic)]

pub mod mysql;
pub mod postgres;
mod server;
pub mod sqlite;
