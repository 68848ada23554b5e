//! The outbox in the SQL that SQLite and MySQL both speak, with their few differences where they arise. Neither
//! has arrays, so a list is a list of parameters; neither tells of new rows, so relays poll.

mod append;
mod claim;
mod dead;
mod settle;

use std::time::Duration;

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::outbox::{
    Claim, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, RetrySelection, Settlement,
};
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use self::append::append_in;
use crate::error::store;
use crate::retry::retrying;
use crate::retry_now::retry_now;
use crate::session::{Bind, Columns, Kind, Pool, Session, list, need};
use crate::stored::{report_lost, until};

/// How many rows one statement of a purge deletes: others may write in between.
const PURGE_CHUNK: i64 = 5_000;

/// How many rows one statement names: less than SQLite's 32,766 parameters.
const LIST: usize = 1_000;

pub(crate) struct PortableOutbox {
    pool: Pool,
    changed: Notify,
}

impl PortableOutbox {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            changed: Notify::new(),
        }
    }

    /// Wakes all who wait, and the next one who comes, for a relay may be on its way to wait.
    fn ring(&self) {
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    async fn claim_once(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> sqlx::Result<Vec<OutboxEvent>> {
        let mut tx = self.pool.begin().await?;
        let events = claim::claim(&mut tx.session(), limit, now, until).await?;
        tx.commit().await?;
        Ok(events)
    }

    /// Runs one statement for the claims of each token; gives how many rows it found.
    async fn for_claims(&self, set: &str, binds: &[Bind], claims: &[Claim]) -> sqlx::Result<u64> {
        let mut tx = self.pool.begin().await?;
        let mut found = 0;
        for (token, events) in by_token(claims.iter().copied()) {
            found += update_claimed(&mut tx.session(), set, binds, token, &events).await?;
        }
        tx.commit().await?;
        Ok(found)
    }
}

#[async_trait]
impl OutboxStore for PortableOutbox {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        retrying(|| async {
            let mut tx = self.pool.begin().await.map_err(store)?;
            append_in(&mut tx.session(), events, now).await?;
            tx.commit().await.map_err(store)
        })
        .await?;
        self.ring();
        Ok(())
    }

    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        if !claim::is_worth_it(&self.pool, now).await.map_err(store)? {
            return Ok(Vec::new());
        }
        let until = until(now, lease);
        retrying(|| async { self.claim_once(limit, now, until).await.map_err(store) }).await
    }

    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        let held = retrying(|| async {
            let mut tx = self.pool.begin().await.map_err(store)?;
            let held = settle::settle(&mut tx.session(), settled, now).await?;
            tx.commit().await.map_err(store)?;
            Ok(held)
        })
        .await?;
        report_lost(settled.len(), held, "did not settle");
        Ok(())
    }

    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        let end = [Bind::Instant(Some(until(now, lease)))];
        let renew = || async {
            let done = self.for_claims("claimed_until = ?", &end, claims).await;
            done.map_err(store)
        };
        retrying(renew).await.map(drop)
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        const FREE: &str = "claim = NULL, claimed_until = NULL";
        let release = || async { self.for_claims(FREE, &[], claims).await.map_err(store) };
        let released = retrying(release).await?;
        report_lost(claims.len(), released as usize, "did not release");
        Ok(())
    }

    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        const NEXT_DUE: &str = "
            SELECT min(CASE WHEN claimed_until > available_at THEN claimed_until
                            ELSE available_at END) AS due
            FROM celerysalt_outbox
            WHERE published_at IS NULL AND unrouted_at IS NULL
              AND (available_at > ? OR claimed_until > ?)";
        let binds = vec![Bind::Instant(Some(now)); 2];
        let mut connection = self.pool.acquire().await.map_err(store)?;
        let row = connection.session().row(NEXT_DUE, binds).await;
        let due = row.map_err(store)?.map(|row| row.instant("due"));
        Ok(due.transpose().map_err(store)?.flatten())
    }

    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError> {
        const OLDEST: &str = "
            SELECT created_at FROM celerysalt_outbox
            WHERE published_at IS NULL AND unrouted_at IS NULL ORDER BY seq LIMIT 1";
        let mut connection = self.pool.acquire().await.map_err(store)?;
        let row = connection.session().row(OLDEST, Vec::new()).await;
        let stored = row.map_err(store)?.map(|row| row.instant("created_at"));
        Ok(stored.transpose().map_err(store)?.flatten())
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        let mut purged = 0;
        for sql in purges(self.pool.kind()) {
            loop {
                let chunk = || async {
                    let mut tx = self.pool.begin().await.map_err(store)?;
                    let binds = vec![
                        Bind::Instant(Some(delivered_before)),
                        Bind::Number(PURGE_CHUNK),
                    ];
                    let done = tx.session().execute(sql, binds).await.map_err(store)?;
                    tx.commit().await.map_err(store)?;
                    Ok(done)
                };
                let done = retrying(chunk).await?;
                purged += done;
                if done < PURGE_CHUNK as u64 {
                    break;
                }
            }
        }
        Ok(purged)
    }

    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        let retried = retry_now(&self.pool, selection, now).await?;
        self.ring();
        Ok(retried)
    }

    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        let mut connection = self.pool.acquire().await.map_err(store)?;
        status(&mut connection.session()).await.map_err(store)
    }
}

/// Deletes a chunk of closed events.
fn purges(kind: Kind) -> &'static [&'static str] {
    match kind {
        // Two, each along the index of what is open.
        Kind::Mysql => &[
            "DELETE FROM celerysalt_outbox WHERE published_at < ? LIMIT ?",
            "DELETE FROM celerysalt_outbox WHERE published_at IS NULL AND unrouted_at < ? LIMIT ?",
        ],
        _ => &["DELETE FROM celerysalt_outbox WHERE seq IN (
                SELECT seq FROM celerysalt_outbox
                WHERE (published_at IS NOT NULL OR unrouted_at IS NOT NULL)
                  AND COALESCE(published_at, unrouted_at) < ?
                LIMIT ?)"],
    }
}

async fn status(session: &mut Session<'_>) -> sqlx::Result<OutboxStatus> {
    const STATUS: &str = "
        SELECT count(CASE WHEN open THEN 1 END) AS pending,
               count(CASE WHEN open AND attempts > 0 THEN 1 END) AS retrying,
               count(CASE WHEN open AND unroutable_since IS NOT NULL THEN 1 END) AS unroutable,
               count(unrouted_at) AS unrouted, count(published_at) AS delivered,
               (SELECT count(*) FROM celerysalt_dead_letters WHERE replayed_at IS NULL) AS dead,
               min(CASE WHEN open THEN created_at END) AS oldest
        FROM (SELECT published_at IS NULL AND unrouted_at IS NULL AS open, created_at,
                     attempts, unroutable_since, unrouted_at, published_at
              FROM celerysalt_outbox) AS o";
    let row = need("count", session.row(STATUS, Vec::new()).await?)?;
    let count = |column| -> sqlx::Result<u64> {
        Ok(u64::try_from(need(column, row.number(column)?)?).unwrap_or(0))
    };
    Ok(OutboxStatus {
        pending: count("pending")?,
        retrying: count("retrying")?,
        unroutable: count("unroutable")?,
        unrouted: count("unrouted")?,
        delivered: count("delivered")?,
        dead: count("dead")?,
        oldest: row.instant("oldest")?,
    })
}

/// Claims by their token: those of one call have one, so this is one group, or a few.
fn by_token(claims: impl Iterator<Item = Claim>) -> Vec<(Uuid, Vec<Uuid>)> {
    let mut groups: Vec<(Uuid, Vec<Uuid>)> = Vec::new();
    for claim in claims {
        match groups.iter_mut().find(|(token, _)| *token == claim.token) {
            Some((_, events)) => events.push(claim.event),
            None => groups.push((claim.token, vec![claim.event])),
        }
    }
    groups
}

/// `UPDATE … SET …` for those of the events that the claim still holds; gives how many.
async fn update_claimed(
    session: &mut Session<'_>,
    set: &str,
    binds: &[Bind],
    token: Uuid,
    events: &[Uuid],
) -> sqlx::Result<u64> {
    let mut found = 0;
    for events in events.chunks(LIST) {
        let hint = claim::by_index(session.kind(), "id");
        let ids = list(events.len());
        let sql =
            format!("UPDATE celerysalt_outbox{hint} SET {set} WHERE claim = ? AND id IN {ids}");
        let mut all = binds.to_vec();
        all.push(Bind::Id(Some(token)));
        all.extend(events.iter().map(|id| Bind::Id(Some(*id))));
        found += session.execute(&sql, all).await?;
    }
    Ok(found)
}
