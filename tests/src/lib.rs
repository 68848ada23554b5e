//! What the end-to-end, crash and fault tests share: databases, the order model, statement boundaries.
#![allow(clippy::unwrap_used, clippy::panic)] // test support: a failure here is a failed test

pub mod boundary;
pub mod child;
pub mod databases;
pub mod order;
pub mod outcome;
pub mod relaying;
pub mod save;
pub mod soak;
