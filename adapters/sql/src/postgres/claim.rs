//! Takes events from the outbox, so that each aggregate stays in order with any number of relays.

use celerysalt::outbox::OutboxEvent;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::begin;
use crate::stored::{Corrupt, candidate, look_again, select};

/// Locks what is due and free. What waits behind a waiting or claimed event of its aggregate is left out, so
/// that one stopped aggregate does not fill the batch.
///
/// The subquery is scalar, and compares rows, so that it is always answered from the index of aggregates.
const CANDIDATES: &str = "
    SELECT seq, id, topic, version, payload, meta, aggregate, created_at, attempts, progress, targets,
           lost_claims + (claim IS NOT NULL)::int AS lost_claims, unroutable_since
    FROM celerysalt_outbox o
    WHERE published_at IS NULL AND unrouted_at IS NULL AND available_at <= $1
      AND (claimed_until IS NULL OR claimed_until <= $1)
      AND (aggregate IS NULL OR (
        SELECT e.seq FROM celerysalt_outbox e
        WHERE e.aggregate = o.aggregate AND (e.aggregate, e.seq) < (o.aggregate, o.seq)
          AND e.published_at IS NULL AND e.unrouted_at IS NULL AND e.unroutable_since IS NULL
          AND (e.available_at > $1 OR e.claimed_until > $1)
        LIMIT 1) IS NULL)
    ORDER BY seq LIMIT $2 FOR UPDATE OF o SKIP LOCKED";

/// Claims those of the locked rows that no older open event of their aggregate stands before, but for rows that
/// are locked as well.
///
/// This is what keeps the order. Another relay may hold the lock of an aggregate's head and be about to claim it;
/// `SKIP LOCKED` then passed over the head without a word and locked its successor. Here, in a statement of its
/// own (its snapshot is younger than all our locks), the head is seen as open and not ours, and the successor
/// stays. The holder of the head always gets on, so nobody waits for ever.
const CLAIM: &str = "
    WITH mine AS (
        SELECT seq, aggregate FROM unnest($1::bigint[], $2::text[]) AS m(seq, aggregate)
    ), first_foreign AS (
        SELECT m.aggregate, f.seq
        FROM (SELECT aggregate, max(seq) AS last FROM mine
              WHERE aggregate IS NOT NULL GROUP BY aggregate) m
        CROSS JOIN LATERAL (
            SELECT e.seq FROM celerysalt_outbox e
            WHERE e.aggregate = m.aggregate AND (e.aggregate, e.seq) < (m.aggregate, m.last)
              AND e.published_at IS NULL AND e.unrouted_at IS NULL AND e.unroutable_since IS NULL
              AND e.seq <> ALL($1)
            ORDER BY e.aggregate, e.seq LIMIT 1) f
    )
    UPDATE celerysalt_outbox o
    SET lost_claims = o.lost_claims + (o.claim IS NOT NULL)::int, claim = $3, claimed_until = $4
    FROM mine LEFT JOIN first_foreign f ON f.aggregate = mine.aggregate
    WHERE o.seq = mine.seq AND (f.seq IS NULL OR o.seq < f.seq)
    RETURNING o.seq";

const PUT_OFF: &str = "
    UPDATE celerysalt_outbox o
    SET available_at = $3, attempts = attempts + 1, last_error = c.error, claim = NULL, claimed_until = NULL
    FROM unnest($1::bigint[], $2::text[]) AS c(seq, error) WHERE o.seq = c.seq";

pub(super) async fn claim(
    pool: &PgPool,
    limit: usize,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> sqlx::Result<Vec<OutboxEvent>> {
    let token = Uuid::new_v4();
    let mut tx = begin(pool).await?;
    let rows = sqlx::query(CANDIDATES)
        .bind(now)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *tx)
        .await?;
    let candidates = rows
        .iter()
        .map(|row| candidate(row, token))
        .collect::<sqlx::Result<_>>()?;
    let (mut events, corrupt) = select(candidates);
    put_off(&mut tx, &corrupt, now).await?;
    if !events.is_empty() {
        let places: Vec<i64> = events.iter().map(|(seq, _)| *seq).collect();
        let aggregate = |(_, event): &(i64, OutboxEvent)| event.envelope.meta.aggregate.clone();
        let aggregates: Vec<_> = events.iter().map(aggregate).collect();
        let mut claimed: Vec<i64> = sqlx::query_scalar(CLAIM)
            .bind(places)
            .bind(aggregates)
            .bind(token)
            .bind(until)
            .fetch_all(&mut *tx)
            .await?;
        claimed.sort_unstable();
        events.retain(|(seq, _)| claimed.binary_search(seq).is_ok());
    }
    tx.commit().await?;
    Ok(events.into_iter().map(|(_, event)| event).collect())
}

async fn put_off(
    connection: &mut PgConnection,
    corrupt: &[Corrupt],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    if corrupt.is_empty() {
        return Ok(());
    }
    let (places, errors): (Vec<i64>, Vec<&str>) =
        corrupt.iter().map(|c| (c.seq, c.error.as_str())).unzip();
    sqlx::query(PUT_OFF)
        .bind(places)
        .bind(errors)
        .bind(look_again(now))
        .execute(connection)
        .await?;
    Ok(())
}
