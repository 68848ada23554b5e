//! CelerySalt's outbox in a database, over sqlx: PostgreSQL (feature `postgres`) and SQLite (feature `sqlite`).
//!
//! The tables are those of `celerysalt-migrations`. An ORM adapter, or [`append_in`](postgres::append_in) in a
//! transaction of your own, writes events; a [`Relay`](celerysalt::outbox::Relay) on a [`SqlOutbox`] delivers them.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod error;
mod outbox;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod stored;

pub use outbox::SqlOutbox;
