//! The outbox in SQLite. One connection writes at a time, so a claim is whole by its write lock.

mod append;
mod claim;
mod dead;
mod settle;
mod time;

use std::time::Duration;

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::outbox::{Claim, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, Settlement};
use chrono::{DateTime, Utc};
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::Notify;

pub use self::append::append_in;
use self::time::{parse, text};
use crate::error::store;
use crate::stored::{corrupt, report_lost, until};

/// How many rows one statement of a purge deletes: others may write in between.
const PURGE_CHUNK: i64 = 5_000;

pub(crate) struct SqliteOutbox {
    pool: SqlitePool,
    changed: Notify,
}

impl SqliteOutbox {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            changed: Notify::new(),
        }
    }

    /// A transaction that has the write lock from its start: one that takes it later may be refused.
    async fn begin(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Wakes all who wait, and the next one who comes, for a relay may be on its way to wait.
    fn ring(&self) {
        self.changed.notify_waiters();
        self.changed.notify_one();
    }
}

#[async_trait]
impl OutboxStore for SqliteOutbox {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        let mut tx = self.begin().await.map_err(store)?;
        append_in(&mut tx, events, now).await?;
        tx.commit().await.map_err(store)?;
        self.ring();
        Ok(())
    }

    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        // An idle relay must not take the write lock at every poll.
        if !claim::is_any_due(&self.pool, now).await.map_err(store)? {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await.map_err(store)?;
        let events = claim::claim(&mut tx, limit, now, until(now, lease))
            .await
            .map_err(store)?;
        tx.commit().await.map_err(store)?;
        Ok(events)
    }

    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        let mut tx = self.begin().await.map_err(store)?;
        let held = settle::settle(&mut tx, settled, now).await?;
        tx.commit().await.map_err(store)?;
        report_lost(settled.len(), held, "did not settle");
        Ok(())
    }

    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        const RENEW: &str =
            "UPDATE celerysalt_outbox SET claimed_until = ?3 WHERE id = ?1 AND claim = ?2";
        let end = text(until(now, lease));
        let mut tx = self.begin().await.map_err(store)?;
        for claim in claims {
            sqlx::query(RENEW)
                .bind(claim.event.to_string())
                .bind(claim.token.to_string())
                .bind(&end)
                .execute(&mut *tx)
                .await
                .map_err(store)?;
        }
        tx.commit().await.map_err(store)
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        const RELEASE: &str = "UPDATE celerysalt_outbox SET claim = NULL, claimed_until = NULL
                               WHERE id = ?1 AND claim = ?2";
        let mut tx = self.begin().await.map_err(store)?;
        let mut released = 0;
        for claim in claims {
            let done = sqlx::query(RELEASE)
                .bind(claim.event.to_string())
                .bind(claim.token.to_string())
                .execute(&mut *tx)
                .await
                .map_err(store)?;
            released += done.rows_affected() as usize;
        }
        tx.commit().await.map_err(store)?;
        report_lost(claims.len(), released, "did not release");
        Ok(())
    }

    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        const NEXT_DUE: &str = "
            SELECT min(max(available_at, COALESCE(claimed_until, ''))) FROM celerysalt_outbox
            WHERE published_at IS NULL AND unrouted_at IS NULL
              AND max(available_at, COALESCE(claimed_until, '')) > ?1";
        let due: Option<String> = sqlx::query_scalar(NEXT_DUE)
            .bind(text(now))
            .fetch_one(&self.pool)
            .await
            .map_err(store)?;
        due.map(|due| parse(&due).map_err(|error| corrupt("(unknown)", error)))
            .transpose()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        const PURGE: &str = "
            DELETE FROM celerysalt_outbox WHERE seq IN (
                SELECT seq FROM celerysalt_outbox
                WHERE (published_at IS NOT NULL OR unrouted_at IS NOT NULL)
                  AND COALESCE(published_at, unrouted_at) < ?1
                LIMIT ?2)";
        let before = text(delivered_before);
        let mut purged = 0;
        loop {
            let done = sqlx::query(PURGE)
                .bind(&before)
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

    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        const STATUS: &str = "
            SELECT count(*) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL),
                   count(*) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL AND attempts > 0),
                   count(*) FILTER (WHERE published_at IS NULL AND unrouted_at IS NULL
                                      AND unroutable_since IS NOT NULL),
                   count(unrouted_at), count(published_at),
                   (SELECT count(*) FROM celerysalt_dead_letters WHERE replayed_at IS NULL)
            FROM celerysalt_outbox";
        let counts: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(STATUS)
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
        })
    }
}
