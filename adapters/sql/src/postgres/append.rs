//! Events into the outbox.

use celerysalt::event::Envelope;
use celerysalt::outbox::OutboxError;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::error::store;
use crate::stored::corrupt;

// The places (`seq`) are given in the order of the sorted rows, so in the order of the events.
const APPEND: &str = "
    INSERT INTO celerysalt_outbox
        (id, topic, version, payload, meta, aggregate, created_at, available_at)
    SELECT id, topic, version, payload::jsonb, meta::jsonb, aggregate, $7, $7
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        WITH ORDINALITY AS e(id, topic, version, payload, meta, aggregate, place)
    ORDER BY place
    ON CONFLICT (id) DO NOTHING";

/// Writes events into the outbox on this connection, inside your transaction if it has one: one statement, and
/// an event whose id is there already is left as it is.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool, event: celerysalt::event::Envelope)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = pool.begin().await?;
/// sqlx::query("UPDATE orders SET status = 'paid' WHERE id = 7").execute(&mut *tx).await?;
/// celerysalt_sql::postgres::append_in(&mut tx, &[event], chrono::Utc::now()).await?;
/// tx.commit().await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`OutboxError::NotMigrated`] without the tables, [`OutboxError::Store`] for the database's own errors.
pub async fn append_in(
    connection: &mut PgConnection,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = events.iter().map(|e| e.id).collect();
    let topics: Vec<_> = events.iter().map(|e| e.topic.as_str()).collect();
    let versions: Vec<_> = events.iter().map(|e| e.version.as_deref()).collect();
    let payloads: Vec<_> = events.iter().map(|e| e.payload.to_string()).collect();
    let metas = events
        .iter()
        .map(|e| serde_json::to_string(&e.meta).map_err(|error| corrupt(&e.id.to_string(), error)))
        .collect::<Result<Vec<_>, _>>()?;
    let aggregates: Vec<_> = events.iter().map(|e| e.meta.aggregate.as_deref()).collect();
    sqlx::query(APPEND)
        .bind(ids)
        .bind(topics)
        .bind(versions)
        .bind(payloads)
        .bind(metas)
        .bind(aggregates)
        .bind(now)
        .execute(connection)
        .await
        .map_err(store)?;
    Ok(())
}
