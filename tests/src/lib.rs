//! The conformance kit of the adapters, and what the end-to-end tests, the crash tests and the soak share.
//!
//! A [`case::Case`] keeps one promise about rules and saves. Every case runs for every adapter on every database; an
//! adapter takes part by a [`fixture::Fixture`].
#![allow(clippy::unwrap_used, clippy::panic)] // test support: a failure here is a failed test

pub mod act;
pub mod adapters;
pub mod bench;
pub mod boundary;
pub mod case;
pub mod cases;
pub mod child;
pub mod databases;
pub mod events;
pub mod figures;
pub mod fixture;
pub mod order;
pub mod relaying;
pub mod report;
pub mod rule_table;
pub mod soak;
pub mod tell;
pub mod trial;
