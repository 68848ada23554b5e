//! Events of a program's own, in its transaction.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use diesel::result::QueryResult;

use crate::connection::{Blocking, FollowConnection};
use crate::session;
use crate::tables::insert_events;

/// Writes events that no rule fires into the outbox: in a transaction of yours they are committed with it, or neither is.
/// An event whose id is there already is left as it is.
///
/// ```
/// use celerysalt::prelude::*;
/// use diesel::prelude::*;
/// # #[event("order.counted")]
/// # struct OrdersCounted { orders: u64 }
///
/// # #[cfg(feature = "sqlite")]
/// fn count(conn: &mut SqliteConnection, publisher: &Publisher) -> Result<(), Box<dyn std::error::Error>> {
///     let counted = publisher.envelope(&OrdersCounted { orders: 7 }, &PublishOptions::default())?;
///     conn.immediate_transaction(|conn| {
///         // … what the event tells of …
///         celerysalt_diesel::append_in(conn, &[counted], chrono::Utc::now())
///     })?;
///     celerysalt::outbox::wake(); // on SQLite and MySQL, where a relay of this process should not wait for its poll
///     Ok(())
/// }
/// ```
///
/// # Errors
/// The database's own.
pub fn append_in<C: FollowConnection>(
    conn: &mut C,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    session::now(insert_events(events, now, &mut Blocking(conn)))
}
