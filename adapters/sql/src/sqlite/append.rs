//! Events into the outbox.

use celerysalt::event::{Envelope, Meta};
use celerysalt::outbox::OutboxError;
use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::time::text;
use crate::error::store;
use crate::stored::corrupt;

const INSERT: &str = "INSERT INTO celerysalt_outbox
    (id, topic, version, payload, meta, aggregate, created_at, available_at) ";
/// SQLite takes 32,766 parameters a statement, an event has eight.
const CHUNK: usize = 4_000;

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
    let now = text(now);
    for chunk in events.chunks(CHUNK) {
        let metas = chunk.iter().map(meta).collect::<Result<Vec<_>, _>>()?;
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
        insert.push_values(chunk.iter().zip(metas), |mut row, (event, meta)| {
            row.push_bind(event.id.to_string())
                .push_bind(&event.topic)
                .push_bind(&event.version)
                .push_bind(event.payload.to_string())
                .push_bind(meta)
                .push_bind(&event.meta.aggregate)
                .push_bind(&now)
                .push_bind(&now);
        });
        insert.push(" ON CONFLICT (id) DO NOTHING");
        let done = insert.build().execute(&mut *connection).await;
        done.map_err(store)?;
    }
    Ok(())
}

fn meta(event: &Envelope) -> Result<String, OutboxError> {
    serde_json::to_string::<Meta>(&event.meta)
        .map_err(|error| corrupt(&event.id.to_string(), error))
}
