//! The outbox in a database, whichever.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::broker::{DeadLetter, DeadSelection};
use celerysalt::event::Envelope;
use celerysalt::outbox::{
    Claim, DeadLetterStore, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, RetrySelection,
    Settlement,
};
use chrono::{DateTime, Utc};

#[cfg(any(feature = "mysql", feature = "sqlite"))]
use crate::{portable::PortableOutbox, session::Pool};

/// The outbox in a database. Clones share the connections and the signal that wakes relays.
#[derive(Clone)]
pub struct SqlOutbox(Arc<dyn Store>);

/// What a database does for the outbox.
trait Store: OutboxStore + DeadLetterStore {}

impl<T: OutboxStore + DeadLetterStore> Store for T {}

impl SqlOutbox {
    /// The outbox in a MySQL (8.0.16 and newer) or MariaDB (10.6 and newer) database. Relays are woken by what this
    /// store itself appends; they find what other connections write at their next poll, or by
    /// [`wake`](celerysalt::outbox::wake).
    #[cfg(feature = "mysql")]
    pub fn mysql(pool: sqlx::MySqlPool) -> Self {
        Self(Arc::new(PortableOutbox::new(Pool::Mysql(pool))))
    }

    /// The outbox in a PostgreSQL database. Relays are woken by `LISTEN`, on a connection of its own.
    #[cfg(feature = "postgres")]
    pub fn postgres(pool: sqlx::PgPool) -> Self {
        Self(Arc::new(crate::postgres::PgOutbox::new(pool)))
    }

    /// The outbox in a SQLite database. Relays are woken by what this store itself appends; they find what other
    /// connections write at their next poll, or by [`wake`](celerysalt::outbox::wake).
    #[cfg(feature = "sqlite")]
    pub fn sqlite(pool: sqlx::SqlitePool) -> Self {
        Self(Arc::new(PortableOutbox::new(Pool::Sqlite(pool))))
    }
}

#[async_trait]
impl OutboxStore for SqlOutbox {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        self.0.append(events, now).await
    }

    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        self.0.claim(limit, now, lease).await
    }

    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.0.settle(settled, now).await
    }

    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        self.0.renew(claims, now, lease).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        self.0.release(claims).await
    }

    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.0.next_due(now).await
    }

    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.0.oldest_open().await
    }

    async fn changed(&self) {
        self.0.changed().await;
    }

    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        self.0.purge(delivered_before).await
    }

    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        self.0.retry(selection, now).await
    }

    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        self.0.status().await
    }
}

#[async_trait]
impl DeadLetterStore for SqlOutbox {
    async fn dead_letters(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OutboxError> {
        self.0.dead_letters(selection, limit).await
    }

    async fn replay(
        &self,
        selection: &DeadSelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        self.0.replay(selection, now).await
    }

    async fn purge_dead_letters(&self, selection: &DeadSelection) -> Result<u64, OutboxError> {
        self.0.purge_dead_letters(selection).await
    }
}
