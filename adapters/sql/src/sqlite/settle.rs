//! Records what became of claimed events.

use celerysalt::broker::DeadReason;
use celerysalt::outbox::{OutboxError, OutboxEvent, Settlement};
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use super::dead;
use super::time::text;
use crate::error::store;
use crate::stored::corrupt;

const DELIVERED: &str = "
    UPDATE celerysalt_outbox SET claim = NULL, claimed_until = NULL, published_at = ?3
    WHERE id = ?1 AND claim = ?2";
const UNROUTED: &str = "
    UPDATE celerysalt_outbox SET claim = NULL, claimed_until = NULL, unrouted_at = ?3
    WHERE id = ?1 AND claim = ?2";
const UNROUTABLE: &str = "
    UPDATE celerysalt_outbox
    SET claim = NULL, claimed_until = NULL, available_at = ?4, attempts = attempts + 1, lost_claims = 0,
        unroutable_since = COALESCE(unroutable_since, ?3), last_error = 'no queue is bound for it'
    WHERE id = ?1 AND claim = ?2";
const AGAIN: &str = "
    UPDATE celerysalt_outbox
    SET claim = NULL, claimed_until = NULL, available_at = ?4, attempts = attempts + ?5,
        lost_claims = CASE WHEN ?5 THEN 0 ELSE lost_claims END, last_error = ?6, progress = ?7
    WHERE id = ?1 AND claim = ?2 AND ?3 IS NOT NULL";

/// Writes the settlements; gives how many events were still held.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    settled: &[(OutboxEvent, Settlement)],
    now: DateTime<Utc>,
) -> Result<usize, OutboxError> {
    let stamp = text(now);
    let mut held = 0;
    for (event, settlement) in settled {
        let (update, dead) = update(event, settlement, &stamp)?;
        let done = update.execute(&mut *connection).await.map_err(store)?;
        if done.rows_affected() == 0 {
            continue;
        }
        held += 1;
        for reason in dead {
            dead::bury(&mut *connection, &event.envelope, reason, now).await?;
        }
    }
    Ok(held)
}

type Update = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// The statement of a settlement, and its dead letters.
fn update<'a>(
    event: &OutboxEvent,
    settlement: &'a Settlement,
    stamp: &str,
) -> Result<(Update, &'a [DeadReason]), OutboxError> {
    let prepare = |sql: &'static str| {
        sqlx::query(sql)
            .bind(event.envelope.id.to_string())
            .bind(event.token.to_string())
            .bind(stamp.to_owned())
    };
    Ok(match settlement {
        Settlement::Delivered { dead } => (prepare(DELIVERED), dead),
        Settlement::Unrouted => (prepare(UNROUTED), &[]),
        Settlement::Unroutable { at } => (prepare(UNROUTABLE).bind(text(*at)), &[]),
        Settlement::Again {
            at,
            error,
            progress,
            dead,
            counts,
        } => {
            let progress = serde_json::to_string(progress)
                .map_err(|error| corrupt(&event.envelope.id.to_string(), error))?;
            let update = prepare(AGAIN)
                .bind(text(*at))
                .bind(*counts)
                .bind(error.clone())
                .bind(progress);
            (update, dead)
        }
    })
}
