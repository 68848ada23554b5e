//! The outbox in PostgreSQL.

mod append;
mod claim;
mod dead;
pub(crate) mod listen;
mod settle;

use std::time::Duration;

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::outbox::{
    Claim, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, RetrySelection, Settlement,
};
use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Transaction};

pub use self::append::append_in;
use self::listen::Listener;
use crate::error::store;
use crate::retry_now::retry_now;
use crate::session::Pool;
use crate::stored::{report_lost, until};

/// How many rows one statement of a purge deletes.
const PURGE_CHUNK: i64 = 10_000;

pub(crate) struct PgOutbox {
    pool: PgPool,
    listener: Listener,
}

impl PgOutbox {
    pub(crate) fn new(pool: PgPool) -> Self {
        let listener = Listener::new(&pool, "celerysalt_outbox");
        Self { pool, listener }
    }
}

/// Starts a transaction of the relay's.
///
/// Read committed, whatever the database's default: a claim checks its locks with a younger snapshot. And planned
/// for the indexes, each time anew: an outbox is empty when statistics are taken and plans are cached, and a plan
/// for an empty table reads a full one from end to end. A relay that hangs here loses its locks.
async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    const BEGIN: &str = "
        BEGIN ISOLATION LEVEL READ COMMITTED;
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL enable_seqscan = off;
        SET LOCAL enable_bitmapscan = off;
        SET LOCAL enable_sort = off;
        SET LOCAL idle_in_transaction_session_timeout = '15s'";
    pool.begin_with(BEGIN).await
}

#[async_trait]
impl OutboxStore for PgOutbox {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        let mut connection = self.pool.acquire().await.map_err(store)?;
        append_in(&mut connection, events, now).await
    }

    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        claim::claim(&self.pool, limit, now, until(now, lease))
            .await
            .map_err(store)
    }

    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        settle::settle(&self.pool, settled, now).await
    }

    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        // Skips what a settlement of ours has locked: to wait for it could be a deadlock, and it needs no lease.
        const RENEW: &str = "
            UPDATE celerysalt_outbox SET claimed_until = $3 WHERE seq IN (
                SELECT o.seq FROM celerysalt_outbox o
                JOIN unnest($1::uuid[], $2::uuid[]) AS c(id, claim) ON o.id = c.id AND o.claim = c.claim
                FOR UPDATE OF o SKIP LOCKED)";
        let (events, tokens) = split(claims);
        let renewed = sqlx::query(RENEW)
            .bind(events)
            .bind(tokens)
            .bind(until(now, lease))
            .execute(&self.pool)
            .await
            .map_err(store)?;
        tracing::trace!(claims = claims.len(), renewed = renewed.rows_affected());
        Ok(())
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        const RELEASE: &str = "
            UPDATE celerysalt_outbox o SET claim = NULL, claimed_until = NULL
            FROM unnest($1::uuid[], $2::uuid[]) AS c(id, claim)
            WHERE o.id = c.id AND o.claim = c.claim";
        let (events, tokens) = split(claims);
        let released = sqlx::query(RELEASE)
            .bind(events)
            .bind(tokens)
            .execute(&self.pool)
            .await
            .map_err(store)?;
        report_lost(
            claims.len(),
            released.rows_affected() as usize,
            "did not release",
        );
        Ok(())
    }

    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        const NEXT_DUE: &str = "
            SELECT min(GREATEST(available_at, claimed_until)) FROM celerysalt_outbox
            WHERE published_at IS NULL AND unrouted_at IS NULL
              AND GREATEST(available_at, claimed_until) > $1";
        // Not prepared: a plan of the time when the table was empty would read all of it.
        sqlx::query_scalar(NEXT_DUE)
            .persistent(false)
            .bind(now)
            .fetch_one(&self.pool)
            .await
            .map_err(store)
    }

    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError> {
        const OLDEST: &str = "
            SELECT created_at FROM celerysalt_outbox
            WHERE published_at IS NULL AND unrouted_at IS NULL ORDER BY seq LIMIT 1";
        // Not prepared, as above.
        sqlx::query_scalar(OLDEST)
            .persistent(false)
            .fetch_optional(&self.pool)
            .await
            .map_err(store)
    }

    async fn changed(&self) {
        self.listener.changed().await;
    }

    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        const PURGE: &str = "
            DELETE FROM celerysalt_outbox WHERE seq IN (
                SELECT seq FROM celerysalt_outbox
                WHERE (published_at IS NOT NULL OR unrouted_at IS NOT NULL)
                  AND COALESCE(published_at, unrouted_at) < $1
                LIMIT $2 FOR UPDATE SKIP LOCKED)";
        let mut purged = 0;
        loop {
            let done = sqlx::query(PURGE)
                .bind(delivered_before)
                .bind(PURGE_CHUNK)
                .execute(&self.pool)
                .await
                .map_err(store)?;
            purged += done.rows_affected();
            if done.rows_affected() < PURGE_CHUNK as u64 {
                return Ok(purged);
            }
        }
    }

    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        retry_now(&Pool::Postgres(self.pool.clone()), selection, now).await
    }

    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        const STATUS: &str = "
            SELECT count(*) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL),
                   count(*) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL AND attempts > 0),
                   count(*) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL
                                      AND unroutable_since IS NOT NULL),
                   count(unrouted_at), count(published_at),
                   (SELECT count(*) FROM celerysalt_dead_letters WHERE replayed_at IS NULL),
                   min(created_at) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL)
            FROM celerysalt_outbox";
        let counts: (i64, i64, i64, i64, i64, i64, Option<DateTime<Utc>>) = sqlx::query_as(STATUS)
            .fetch_one(&self.pool)
            .await
            .map_err(store)?;
        Ok(OutboxStatus {
            pending: counts.0 as u64,
            retrying: counts.1 as u64,
            unroutable: counts.2 as u64,
            unrouted: counts.3 as u64,
            delivered: counts.4 as u64,
            dead: counts.5 as u64,
            oldest: counts.6,
        })
    }
}

fn split(claims: &[Claim]) -> (Vec<uuid::Uuid>, Vec<uuid::Uuid>) {
    claims
        .iter()
        .map(|claim| (claim.event, claim.token))
        .unzip()
}
