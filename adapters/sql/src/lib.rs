//! CelerySalt's outbox in a database, over sqlx: PostgreSQL (feature `postgres`), MySQL and MariaDB (feature
//! `mysql`) and SQLite (feature `sqlite`).
//!
//! The tables are those of `celerysalt-migrations`. An ORM adapter, or [`append_in`](postgres::append_in) in a
//! transaction of your own, writes events; a [`Relay`](celerysalt::outbox::Relay) on a [`SqlOutbox`] delivers them.

// Without a database there is nothing to speak with.
#![cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]

mod error;
#[cfg(feature = "mysql")]
pub mod mysql;
mod outbox;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod portable;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod retry;
mod session;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod stored;

pub use outbox::SqlOutbox;
