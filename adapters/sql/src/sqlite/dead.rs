//! Dead letters.

use async_trait::async_trait;
use celerysalt::broker::{DeadLetter, DeadReason, DeadSelection};
use celerysalt::clock::{SystemClock, new_id};
use celerysalt::event::Envelope;
use celerysalt::outbox::{DeadLetterStore, OUTBOX_ORIGIN, OutboxError, OutboxEvent};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::SqliteOutbox;
use super::append::append_in;
use super::time::{parse, text};
use crate::error::store;
use crate::stored::corrupt;

/// Stores a dead letter; one of the same event and handler is replaced.
pub(super) async fn bury(
    connection: &mut SqliteConnection,
    envelope: &Envelope,
    reason: &DeadReason,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    const BURY: &str = "
        INSERT INTO celerysalt_dead_letters
            (id, event_id, topic, envelope, handler, attempts, error, origin, died_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (event_id, COALESCE(handler, '')) DO UPDATE SET
            envelope = excluded.envelope, attempts = excluded.attempts, error = excluded.error,
            died_at = excluded.died_at, replayed_at = NULL";
    sqlx::query(BURY)
        .bind(new_id(&SystemClock).to_string())
        .bind(envelope.id.to_string())
        .bind(&envelope.topic)
        .bind(json(envelope.id, envelope)?)
        .bind(&reason.handler)
        .bind(reason.attempts)
        .bind(&reason.error)
        .bind(OUTBOX_ORIGIN)
        .bind(text(now))
        .execute(connection)
        .await
        .map_err(store)?;
    Ok(())
}

/// The rows that a selection means, by `?1` (events, a JSON list) and `?2` (an instant).
macro_rules! selected {
    () => {
        "FROM celerysalt_dead_letters
         WHERE (?1 IS NULL OR event_id IN (SELECT value FROM json_each(?1)))
           AND (?2 IS NULL OR died_at < ?2)"
    };
}

const LIST: &str = concat!(
    "SELECT id, event_id, envelope, handler, attempts, error, origin, died_at ",
    selected!(),
    " AND replayed_at IS NULL ORDER BY died_at, id LIMIT ?3"
);

const PURGE: &str = concat!("DELETE ", selected!());

#[async_trait]
impl DeadLetterStore for SqliteOutbox {
    async fn dead_letters(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OutboxError> {
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
        const MARK: &str = "UPDATE celerysalt_dead_letters SET replayed_at = ?2 WHERE id = ?1";
        let (events, before) = bounds(selection);
        let mut tx = self.begin().await.map_err(store)?;
        let rows = sqlx::query(LIST)
            .bind(events)
            .bind(before)
            .bind(i64::MAX)
            .fetch_all(&mut *tx)
            .await
            .map_err(store)?;
        let mut replayed = 0;
        for row in &rows {
            if put_back(&mut tx, &letter(row)?, now).await? {
                let id: String = row.try_get("id").map_err(store)?;
                let mark = sqlx::query(MARK).bind(id).bind(text(now));
                mark.execute(&mut *tx).await.map_err(store)?;
                replayed += 1;
            }
        }
        tx.commit().await.map_err(store)?;
        self.ring();
        Ok(replayed)
    }

    async fn purge_dead_letters(&self, selection: &DeadSelection) -> Result<u64, OutboxError> {
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

fn bounds(selection: &DeadSelection) -> (Option<String>, Option<String>) {
    match selection {
        DeadSelection::All => (None, None),
        DeadSelection::Events(events) => {
            let events = events.iter().map(Uuid::to_string).collect::<Vec<_>>();
            (Some(serde_json::Value::from(events).to_string()), None)
        }
        DeadSelection::Before(instant) => (None, Some(text(*instant))),
    }
}

fn letter(row: &SqliteRow) -> Result<DeadLetter, OutboxError> {
    let id: String = row.try_get("event_id").map_err(store)?;
    let fault = |error: sqlx::Error| corrupt(&id, error);
    let envelope: String = row.try_get("envelope").map_err(fault)?;
    let died_at: String = row.try_get("died_at").map_err(fault)?;
    Ok(DeadLetter {
        envelope: serde_json::from_str(&envelope).map_err(|error| corrupt(&id, error))?,
        reason: DeadReason {
            handler: row.try_get("handler").map_err(fault)?,
            attempts: row.try_get("attempts").map_err(fault)?,
            error: row.try_get("error").map_err(fault)?,
        },
        origin: row.try_get("origin").map_err(fault)?,
        died_at: parse(&died_at).map_err(|error| corrupt(&id, error))?,
    })
}

/// Puts a dead letter's event back for its handler; `false` when it is being delivered right now.
async fn put_back(
    connection: &mut SqliteConnection,
    letter: &DeadLetter,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    const STATE: &str = "
        SELECT COALESCE(claimed_until > ?2, FALSE) AS busy, progress, COALESCE(targets, '[]') AS targets,
               (published_at IS NOT NULL OR unrouted_at IS NOT NULL) AS closed
        FROM celerysalt_outbox WHERE id = ?1";
    let envelope = letter.revived();
    let state = sqlx::query(STATE)
        .bind(envelope.id.to_string())
        .bind(text(now))
        .fetch_optional(&mut *connection)
        .await
        .map_err(store)?;
    let mut event = OutboxEvent::new(envelope, now, Uuid::nil());
    let mut closed = true;
    match state {
        None => append_in(&mut *connection, std::slice::from_ref(&event.envelope), now).await?,
        Some(state) if state.try_get("busy").map_err(store)? => return Ok(false),
        Some(state) => {
            closed = state.try_get("closed").map_err(store)?;
            let column = |name: &str| state.try_get::<String, _>(name).unwrap_or_default();
            // What cannot be read is worth nothing: then every handler that is not named starts anew.
            event.progress = serde_json::from_str(&column("progress")).unwrap_or_default();
            event.targets = serde_json::from_str(&column("targets")).unwrap_or_default();
        }
    }
    event.retarget(letter.reason.handler.as_deref(), closed);
    reopen(connection, &event, now).await?;
    Ok(true)
}

async fn reopen(
    connection: &mut SqliteConnection,
    event: &OutboxEvent,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    const REOPEN: &str = "
        UPDATE celerysalt_outbox SET
            payload = ?2, meta = ?3, progress = ?4, targets = ?5, available_at = ?6, attempts = 0,
            last_error = NULL, claim = NULL, claimed_until = NULL, lost_claims = 0,
            unroutable_since = NULL, published_at = NULL, unrouted_at = NULL
        WHERE id = ?1";
    let id = event.envelope.id;
    let targets = if event.targets.is_empty() {
        None
    } else {
        Some(json(id, &event.targets)?)
    };
    sqlx::query(REOPEN)
        .bind(id.to_string())
        .bind(event.envelope.payload.to_string())
        .bind(json(id, &event.envelope.meta)?)
        .bind(json(id, &event.progress)?)
        .bind(targets)
        .bind(text(now))
        .execute(connection)
        .await
        .map_err(store)?;
    Ok(())
}

fn json(id: Uuid, value: &impl Serialize) -> Result<String, OutboxError> {
    serde_json::to_string(value).map_err(|error| corrupt(&id.to_string(), error))
}
