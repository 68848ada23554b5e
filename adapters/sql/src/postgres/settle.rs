//! Records what became of claimed events.

use std::collections::HashSet;

use celerysalt::broker::DeadReason;
use celerysalt::event::Envelope;
use celerysalt::outbox::{OutboxError, OutboxEvent, Settlement};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{begin, dead};
use crate::error::store;
use crate::stored::{corrupt, report_lost};

// `outcome`: 'd' delivered, 'a' again, 'u' unroutable, 'x' unrouted.
const SETTLE: &str = "
    UPDATE celerysalt_outbox o SET
        claim = NULL, claimed_until = NULL,
        published_at = CASE s.outcome WHEN 'd' THEN $8 END,
        unrouted_at = CASE s.outcome WHEN 'x' THEN $8 END,
        unroutable_since = CASE s.outcome WHEN 'u' THEN COALESCE(o.unroutable_since, $8)
                                          ELSE o.unroutable_since END,
        available_at = COALESCE(s.at, o.available_at),
        attempts = o.attempts + s.failed::int,
        lost_claims = CASE WHEN s.failed THEN 0 ELSE o.lost_claims END,
        last_error = COALESCE(s.error, o.last_error),
        progress = COALESCE(s.progress::jsonb, o.progress)
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bool[], $6::text[], $7::text[])
        AS s(id, claim, outcome, at, failed, error, progress)
    WHERE o.id = s.id AND o.claim = s.claim
    RETURNING o.id";

pub(super) async fn settle(
    pool: &PgPool,
    settled: &[(OutboxEvent, Settlement)],
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let rows = Rows::of(settled)?;
    let mut tx = begin(pool).await.map_err(store)?;
    let held = rows.write(&mut tx, now).await.map_err(store)?;
    let ours = settled
        .iter()
        .filter(|(event, _)| held.contains(&event.envelope.id));
    let letters: Vec<(&Envelope, &DeadReason)> = ours
        .flat_map(|(event, s)| dead_of(s).iter().map(|reason| (&event.envelope, reason)))
        .collect();
    dead::bury(&mut tx, &letters, now).await?;
    tx.commit().await.map_err(store)?;
    report_lost(settled.len(), held.len(), "did not settle");
    Ok(())
}

fn dead_of(settlement: &Settlement) -> &[DeadReason] {
    match settlement {
        Settlement::Delivered { dead } | Settlement::Again { dead, .. } => dead,
        Settlement::Unroutable { .. } | Settlement::Unrouted => &[],
    }
}

/// The settlements, column by column.
#[derive(Default)]
struct Rows<'a> {
    ids: Vec<Uuid>,
    tokens: Vec<Uuid>,
    outcomes: Vec<&'static str>,
    at: Vec<Option<DateTime<Utc>>>,
    failed: Vec<bool>,
    errors: Vec<Option<&'a str>>,
    progress: Vec<Option<String>>,
}

impl<'a> Rows<'a> {
    fn of(settled: &'a [(OutboxEvent, Settlement)]) -> Result<Self, OutboxError> {
        let mut rows = Self::default();
        for (event, settlement) in settled {
            rows.ids.push(event.envelope.id);
            rows.tokens.push(event.token);
            match settlement {
                Settlement::Delivered { .. } => rows.push("d", None, false, None, None),
                Settlement::Unrouted => rows.push("x", None, false, None, None),
                Settlement::Unroutable { at } => {
                    rows.push("u", Some(*at), true, Some("no queue is bound for it"), None);
                }
                Settlement::Again {
                    at,
                    error,
                    progress,
                    counts,
                    ..
                } => {
                    let progress = serde_json::to_string(progress)
                        .map_err(|error| corrupt(&event.envelope.id.to_string(), error))?;
                    rows.push("a", Some(*at), *counts, Some(error), Some(progress));
                }
            }
        }
        Ok(rows)
    }

    fn push(
        &mut self,
        outcome: &'static str,
        at: Option<DateTime<Utc>>,
        failed: bool,
        error: Option<&'a str>,
        progress: Option<String>,
    ) {
        self.outcomes.push(outcome);
        self.at.push(at);
        self.failed.push(failed);
        self.errors.push(error);
        self.progress.push(progress);
    }

    /// Writes them; gives the events that were still held.
    async fn write(
        &self,
        connection: &mut PgConnection,
        now: DateTime<Utc>,
    ) -> sqlx::Result<HashSet<Uuid>> {
        let held = sqlx::query_scalar(SETTLE)
            .bind(&self.ids)
            .bind(&self.tokens)
            .bind(&self.outcomes)
            .bind(&self.at)
            .bind(&self.failed)
            .bind(&self.errors)
            .bind(&self.progress)
            .bind(now)
            .fetch_all(connection)
            .await?;
        Ok(held.into_iter().collect())
    }
}
