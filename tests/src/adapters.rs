//! The adapters at work: each implements [`Fixture`] on every database that it knows.

pub mod diesel;
mod plain;
pub mod sea_orm;

use std::sync::Arc;

use futures::future::LocalBoxFuture;

use crate::databases::Kind;
use crate::fixture::{Fixture, Need};

/// A way to save, by name.
#[derive(Clone, Copy)]
pub struct Adapter {
    /// What the table of results calls it.
    pub name: &'static str,
    /// The databases that it knows.
    pub databases: &'static [Kind],
    /// The table of orders as it stores them, in the dialect of a database.
    pub tables: fn(Kind) -> &'static str,
    /// What it cannot do by its nature on a database, and why.
    pub lacks: fn(Kind, Need) -> Option<&'static str>,
    /// The fixture on a database that has the table.
    pub open: fn(Kind, String) -> LocalBoxFuture<'static, Arc<dyn Fixture>>,
}

/// Every adapter.
pub const ALL: [Adapter; 8] = [
    sea_orm::FOLLOW,
    sea_orm::TRANSACTION,
    sea_orm::POOL,
    sea_orm::MANY,
    diesel::DIESEL,
    diesel::DIESEL_ASYNC,
    plain::PLAIN,
    plain::LOCKED,
];

/// Why a caller's transaction does not go on after a failure.
const ABORTED: &str = "PostgreSQL lets a transaction do nothing more after a failed statement";

/// The adapter of this name.
pub fn named(name: &str) -> Adapter {
    let found = ALL.into_iter().find(|adapter| adapter.name == name);
    found.unwrap_or_else(|| panic!("no adapter is called {name}"))
}
