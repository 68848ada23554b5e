//! CelerySalt's tables over sqlx: PostgreSQL (feature `postgres`), MySQL and MariaDB (feature `mysql`) and SQLite
//! (feature `sqlite`). `celerysalt-migrations` makes them.
//!
//! | table | here |
//! |---|---|
//! | outbox | an ORM adapter, or [`append_in`](postgres::append_in) in a transaction of your own, writes events; a [`Relay`](celerysalt::outbox::Relay) on a [`SqlOutbox`] delivers them |
//! | rules | [`SqlRules`] keeps a [`RuleTable`](celerysalt::rule_table::RuleTable) |
//! | history | [`history::append_in`] writes transitions, [`history::of_row`] reads them |
//! | inbox | [`inbox::once`] runs a handler's work once for each event |

// The guide above names what needs a database.
#![cfg_attr(not(feature = "postgres"), allow(rustdoc::broken_intra_doc_links))]
// Without a database there is nothing to speak with.
#![cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]

mod error;
pub mod history;
pub mod inbox;
mod insert;
#[cfg(feature = "mysql")]
pub mod mysql;
mod outbox;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod portable;
#[cfg(feature = "postgres")]
pub mod postgres;
mod retry;
mod retry_now;
mod rules;
mod session;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod stored;

pub use error::HistoryError;
pub use outbox::SqlOutbox;
pub use rules::SqlRules;
pub use session::{Driver, Session};
