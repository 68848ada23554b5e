//! The same saves on the connections of diesel-async, under the same names.
//!
//! ```
//! use celerysalt_diesel::{FollowActions, Rules};
//! use diesel::prelude::*;
//!
//! diesel::table! {
//!     orders (id) {
//!         id -> BigInt,
//!         status -> Text,
//!         on_change_rules -> Jsonb,
//!     }
//! }
//!
//! #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
//! #[diesel(table_name = orders)]
//! #[follow(name = "order")]
//! struct Order {
//!     id: i64,
//!     status: String,
//!     on_change_rules: Rules,
//! }
//!
//! # #[cfg(feature = "async-postgres")]
//! async fn pay(
//!     order: Order,
//!     conn: &mut diesel_async::AsyncPgConnection,
//! ) -> Result<Order, celerysalt_diesel::Error> {
//!     use celerysalt_diesel::asynchronous::FollowSave;
//!
//!     Order { status: "paid".into(), ..order }.update_and_follow(conn).await
//! }
//! ```
//!
//! Models, changesets and new rows derive what they derive for Diesel's own connections.
//!
//! A save whose future is dropped before its end leaves nothing behind, but its connection is of no use any more: it
//! refuses to begin or commit a transaction
//! ([`BrokenTransactionManager`](diesel::result::Error::BrokenTransactionManager)), the caller's included, a pool throws
//! it away, and the database rolls back when it is closed. Let a save that has begun come to its end where that matters.
//!
//! diesel-async's MySQL connection tells a deadlock as an error of kind
//! [`Unknown`](diesel::result::DatabaseErrorKind::Unknown) (`Deadlock found …`), where Diesel's own tells
//! [`SerializationFailure`](diesel::result::DatabaseErrorKind::SerializationFailure).

mod append;
mod check;
mod connection;
mod inbox;
mod many;
mod pool;
mod save;

pub use append::append_in;
pub use check::check_tables;
pub use connection::FollowConnection;
pub use inbox::once;
pub use many::{FollowMany, OnDieselAsync};
pub use save::{FollowChanges, FollowInsert, FollowSave, FollowUpdate};
