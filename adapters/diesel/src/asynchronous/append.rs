//! Events of a program's own, in its transaction, on connections of diesel-async.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use diesel::result::QueryResult;

use super::connection::{Awaited, FollowConnection};
use crate::tables::insert_events;

/// Writes events that no rule fires into the outbox, as [`append_in`](crate::append_in) does on Diesel's own connections.
///
/// # Errors
/// The database's own.
pub async fn append_in<C: FollowConnection>(
    conn: &mut C,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> QueryResult<()> {
    insert_events(events, now, &mut Awaited(conn)).await
}
