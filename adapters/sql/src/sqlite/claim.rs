//! Takes events from the outbox.

use celerysalt::outbox::{OutboxError, OutboxEvent};
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::time::{parse, text};
use crate::stored::{Candidate, Columns, Documents, corrupt, look_again, select};

/// What is due and free, and not behind a waiting or claimed event of its aggregate.
macro_rules! due {
    () => {
        "FROM celerysalt_outbox o
         WHERE published_at IS NULL AND unrouted_at IS NULL AND available_at <= ?1
           AND (claimed_until IS NULL OR claimed_until <= ?1)
           AND NOT EXISTS (
             SELECT 1 FROM celerysalt_outbox e
             WHERE e.aggregate = o.aggregate AND e.aggregate IS NOT NULL AND e.seq < o.seq
               AND e.published_at IS NULL AND e.unrouted_at IS NULL AND e.unroutable_since IS NULL
               AND (e.available_at > ?1 OR e.claimed_until > ?1))"
    };
}

const IS_ANY_DUE: &str = concat!("SELECT EXISTS (SELECT 1 ", due!(), ")");

const CANDIDATES: &str = concat!(
    "SELECT seq, id, topic, version, payload, meta, aggregate, created_at, attempts, progress, targets,
            lost_claims + (claim IS NOT NULL) AS lost_claims, unroutable_since ",
    due!(),
    " ORDER BY seq LIMIT ?2"
);

const CLAIM: &str = "
    UPDATE celerysalt_outbox
    SET lost_claims = lost_claims + (claim IS NOT NULL), claim = ?2, claimed_until = ?3
    WHERE seq IN (SELECT value FROM json_each(?1))";

const PUT_OFF: &str = "
    UPDATE celerysalt_outbox
    SET available_at = ?2, attempts = attempts + 1, last_error = ?3, claim = NULL, claimed_until = NULL
    WHERE seq = ?1";

pub(super) async fn is_any_due(pool: &SqlitePool, now: DateTime<Utc>) -> sqlx::Result<bool> {
    sqlx::query_scalar(IS_ANY_DUE)
        .bind(text(now))
        .fetch_one(pool)
        .await
}

/// To be called with the write lock.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    limit: usize,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<Vec<OutboxEvent>> {
    let token = Uuid::new_v4();
    let rows = sqlx::query(CANDIDATES)
        .bind(text(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
    let candidates = rows
        .iter()
        .map(|row| candidate(row, token))
        .collect::<sqlx::Result<_>>()?;
    let (events, corrupt) = select(candidates);
    for row in corrupt {
        sqlx::query(PUT_OFF)
            .bind(row.seq)
            .bind(text(look_again(now)))
            .bind(row.error)
            .execute(&mut *connection)
            .await?;
    }
    let places: Vec<i64> = events.iter().map(|(seq, _)| *seq).collect();
    sqlx::query(CLAIM)
        .bind(serde_json::Value::from(places).to_string())
        .bind(token.to_string())
        .bind(text(until))
        .execute(connection)
        .await?;
    Ok(events.into_iter().map(|(_, event)| event).collect())
}

fn candidate(row: &SqliteRow, token: Uuid) -> sqlx::Result<Candidate> {
    Ok(Candidate {
        seq: row.try_get("seq")?,
        aggregate: row.try_get("aggregate")?,
        lost_claims: row.try_get("lost_claims")?,
        event: event(row, token),
    })
}

fn event(row: &SqliteRow, token: Uuid) -> Result<OutboxEvent, OutboxError> {
    let id: String = row
        .try_get("id")
        .map_err(|error| corrupt("(unknown)", error))?;
    let columns = columns(row, &id, token)?;
    documents(row, &id)?
        .into_event(columns)
        .map_err(|error| corrupt(&id, error))
}

fn columns(row: &SqliteRow, id: &str, token: Uuid) -> Result<Columns, OutboxError> {
    let fault = |error: sqlx::Error| corrupt(id, error);
    let instant = |text: String| parse(&text).map_err(|error| corrupt(id, error));
    let unroutable_since: Option<String> = row.try_get("unroutable_since").map_err(fault)?;
    Ok(Columns {
        id: Uuid::parse_str(id).map_err(|error| corrupt(id, error))?,
        topic: row.try_get("topic").map_err(fault)?,
        version: row.try_get("version").map_err(fault)?,
        aggregate: row.try_get("aggregate").map_err(fault)?,
        created_at: instant(row.try_get("created_at").map_err(fault)?)?,
        attempts: row.try_get("attempts").map_err(fault)?,
        lost_claims: row.try_get("lost_claims").map_err(fault)?,
        unroutable_since: unroutable_since.map(instant).transpose()?,
        token,
    })
}

fn documents(row: &SqliteRow, id: &str) -> Result<Documents, OutboxError> {
    let text = |column: &str| -> Result<Option<String>, OutboxError> {
        row.try_get(column).map_err(|error| corrupt(id, error))
    };
    let document = |column: &str| {
        serde_json::from_str(&text(column)?.unwrap_or_default())
            .map_err(|error| corrupt(id, format!("{column}: {error}")))
    };
    let targets = text("targets")?.map(|_| document("targets")).transpose()?;
    Ok(Documents {
        payload: document("payload")?,
        meta: document("meta")?,
        progress: document("progress")?,
        targets,
    })
}
