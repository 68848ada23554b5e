//! Dead letters.

use async_trait::async_trait;
use celerysalt::broker::{DeadLetter, DeadReason, DeadSelection};
use celerysalt::clock::{SystemClock, new_id};
use celerysalt::event::Envelope;
use celerysalt::outbox::{DeadLetterStore, OUTBOX_ORIGIN, OutboxError, OutboxEvent};
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::PgOutbox;
use crate::error::store;
use crate::stored::{corrupt, letter};

const BURY: &str = "
    INSERT INTO celerysalt_dead_letters
        (id, event_id, topic, envelope, handler, attempts, error, origin, died_at)
    SELECT d.id, d.event_id, d.topic, d.envelope::jsonb, d.handler, d.attempts, d.error, $8, $9
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[])
        AS d(id, event_id, topic, envelope, handler, attempts, error)
    ON CONFLICT (event_id, COALESCE(handler, '')) DO UPDATE SET
        envelope = excluded.envelope, attempts = excluded.attempts, error = excluded.error,
        died_at = excluded.died_at, replayed_at = NULL";

/// Stores dead letters; one of the same event and handler replaces the one before.
pub(super) async fn bury(
    connection: &mut PgConnection,
    letters: &[(&Envelope, &DeadReason)],
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    if letters.is_empty() {
        return Ok(());
    }
    let envelopes = letters
        .iter()
        .map(|(envelope, _)| {
            serde_json::to_string(envelope).map_err(|e| corrupt(&envelope.id.to_string(), e))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let of =
        |f: fn(&DeadReason) -> &str| -> Vec<&str> { letters.iter().map(|(_, r)| f(r)).collect() };
    let ids: Vec<Uuid> = letters.iter().map(|_| new_id(&SystemClock)).collect();
    let events: Vec<Uuid> = letters.iter().map(|(e, _)| e.id).collect();
    let topics: Vec<&str> = letters.iter().map(|(e, _)| e.topic.as_str()).collect();
    let handlers: Vec<Option<&str>> = letters.iter().map(|(_, r)| r.handler.as_deref()).collect();
    let attempts = letters
        .iter()
        .map(|(_, r)| i32::try_from(r.attempts).unwrap_or(i32::MAX));
    sqlx::query(BURY)
        .bind(ids)
        .bind(events)
        .bind(topics)
        .bind(envelopes)
        .bind(handlers)
        .bind(attempts.collect::<Vec<i32>>())
        .bind(of(|r| &r.error))
        .bind(OUTBOX_ORIGIN)
        .bind(now)
        .execute(connection)
        .await
        .map_err(store)?;
    Ok(())
}

#[async_trait]
impl DeadLetterStore for PgOutbox {
    async fn dead_letters(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OutboxError> {
        const LIST: &str = "
            SELECT event_id, envelope, handler, attempts, error, origin, died_at
            FROM celerysalt_dead_letters
            WHERE replayed_at IS NULL AND ($1::uuid[] IS NULL OR event_id = ANY($1))
              AND ($2::timestamptz IS NULL OR died_at < $2)
            ORDER BY died_at, id LIMIT $3";
        let (events, before) = bounds(selection);
        let rows = sqlx::query(LIST)
            .bind(events)
            .bind(before)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(store)?;
        rows.iter().map(letter).collect()
    }

    async fn replay(
        &self,
        selection: &DeadSelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        const TAKE: &str = "
            SELECT id, event_id, envelope, handler, attempts, error, origin, died_at
            FROM celerysalt_dead_letters
            WHERE replayed_at IS NULL AND ($1::uuid[] IS NULL OR event_id = ANY($1))
              AND ($2::timestamptz IS NULL OR died_at < $2)
            ORDER BY event_id, id FOR UPDATE";
        const MARK: &str = "UPDATE celerysalt_dead_letters SET replayed_at = $2 WHERE id = ANY($1)";
        let (events, before) = bounds(selection);
        let mut tx = self.pool.begin().await.map_err(store)?;
        let rows = sqlx::query(TAKE)
            .bind(events)
            .bind(before)
            .fetch_all(&mut *tx)
            .await
            .map_err(store)?;
        let mut replayed: Vec<Uuid> = Vec::new();
        for row in &rows {
            if put_back(&mut tx, &letter(row)?, now).await? {
                replayed.push(row.try_get("id").map_err(store)?);
            }
        }
        let mark = sqlx::query(MARK).bind(&replayed).bind(now);
        mark.execute(&mut *tx).await.map_err(store)?;
        // An event that was still there was updated, which the trigger on inserts does not tell.
        let notify = sqlx::query("SELECT pg_notify('celerysalt_outbox', '')");
        notify.execute(&mut *tx).await.map_err(store)?;
        tx.commit().await.map_err(store)?;
        Ok(replayed.len() as u64)
    }

    async fn purge_dead_letters(&self, selection: &DeadSelection) -> Result<u64, OutboxError> {
        const PURGE: &str = "
            DELETE FROM celerysalt_dead_letters
            WHERE ($1::uuid[] IS NULL OR event_id = ANY($1))
              AND ($2::timestamptz IS NULL OR died_at < $2)";
        let (events, before) = bounds(selection);
        let purged = sqlx::query(PURGE)
            .bind(events)
            .bind(before)
            .execute(&self.pool)
            .await
            .map_err(store)?;
        Ok(purged.rows_affected())
    }
}

fn bounds(selection: &DeadSelection) -> (Option<&[Uuid]>, Option<DateTime<Utc>>) {
    match selection {
        DeadSelection::All => (None, None),
        DeadSelection::Events(events) => (Some(events), None),
        DeadSelection::Before(instant) => (None, Some(*instant)),
    }
}

/// Puts a dead letter's event back for its handler; `false` when it is being delivered right now.
async fn put_back(
    connection: &mut PgConnection,
    letter: &DeadLetter,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    const INSERT: &str = "
        INSERT INTO celerysalt_outbox
            (id, topic, version, payload, meta, aggregate, created_at, available_at)
        VALUES ($1, $2, $3, '{}', '{}', $4, $5, $5) ON CONFLICT (id) DO NOTHING";
    const STATE: &str = "
        SELECT claimed_until > $2 AS busy, progress, targets,
               (published_at IS NOT NULL OR unrouted_at IS NOT NULL) AS closed
        FROM celerysalt_outbox WHERE id = $1 FOR UPDATE";
    const REOPEN: &str = "
        UPDATE celerysalt_outbox SET
            payload = $2, meta = $3, progress = $4, targets = $5, available_at = $6, attempts = 0,
            last_error = NULL, claim = NULL, claimed_until = NULL, lost_claims = 0,
            unroutable_since = NULL, published_at = NULL, unrouted_at = NULL
        WHERE id = $1";
    let envelope = letter.revived();
    let new = sqlx::query(INSERT)
        .bind(envelope.id)
        .bind(&envelope.topic)
        .bind(&envelope.version)
        .bind(&envelope.meta.aggregate)
        .bind(now)
        .execute(&mut *connection)
        .await
        .map_err(store)?
        .rows_affected()
        == 1;
    let state = sqlx::query(STATE)
        .bind(envelope.id)
        .bind(now)
        .fetch_one(&mut *connection)
        .await
        .map_err(store)?;
    if state.try_get::<Option<bool>, _>("busy").map_err(store)? == Some(true) {
        return Ok(false);
    }
    let closed = new || state.try_get("closed").map_err(store)?;
    let mut event = OutboxEvent::new(envelope, now, Uuid::nil());
    // What cannot be read is worth nothing: then every handler of the event that the letter names starts anew.
    event.progress = state
        .try_get::<Json<_>, _>("progress")
        .map(|p| p.0)
        .unwrap_or_default();
    let targets = state.try_get::<Option<Json<Vec<String>>>, _>("targets");
    event.targets = targets.ok().flatten().map(|t| t.0).unwrap_or_default();
    event.retarget(letter.reason.handler.as_deref(), closed);
    sqlx::query(REOPEN)
        .bind(event.envelope.id)
        .bind(&event.envelope.payload)
        .bind(Json(&event.envelope.meta))
        .bind(Json(&event.progress))
        .bind((!event.targets.is_empty()).then_some(Json(&event.targets)))
        .bind(now)
        .execute(connection)
        .await
        .map_err(store)?;
    Ok(true)
}
