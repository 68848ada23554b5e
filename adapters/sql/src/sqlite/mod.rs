//! The outbox in SQLite. One connection writes at a time, so a claim is whole by its write lock.

pub(crate) mod time;

use celerysalt::event::Envelope;
use celerysalt::outbox::OutboxError;
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use crate::portable;

/// Writes events into the outbox on this connection, inside your transaction if it has one: one statement (for
/// each 4,000), and an event whose id is there already is left as it is. After the commit,
/// [`wake`](celerysalt::outbox::wake) spares a relay in this process its wait for the next poll.
///
/// ```no_run
/// # async fn example(pool: sqlx::SqlitePool, event: celerysalt::event::Envelope)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
/// sqlx::query("UPDATE orders SET status = 'paid' WHERE id = 7").execute(&mut *tx).await?;
/// celerysalt_sql::sqlite::append_in(&mut tx, &[event], chrono::Utc::now()).await?;
/// tx.commit().await?;
/// celerysalt::outbox::wake();
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`OutboxError::NotMigrated`] without the tables, [`OutboxError::Store`] for the database's own errors.
pub async fn append_in(
    connection: &mut SqliteConnection,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    portable::append_in(&mut connection.into(), events, now).await
}
