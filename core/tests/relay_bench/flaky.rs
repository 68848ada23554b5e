//! A store that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::event::Envelope;
use celerysalt::outbox::{
    Claim, MemoryOutbox, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, RetrySelection,
    Settlement,
};
use chrono::{DateTime, Utc};

/// A store that fails for a while, and never says that it changed.
pub struct Flaky {
    inner: MemoryOutbox,
    pub failures: AtomicU32,
}

impl Flaky {
    pub fn failing(inner: &MemoryOutbox, times: u32) -> Arc<Self> {
        Arc::new(Self {
            inner: inner.clone(),
            failures: AtomicU32::new(times),
        })
    }

    pub fn fail(&self) -> Result<(), OutboxError> {
        let left = |n: u32| n.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => Err(OutboxError::NotMigrated),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl OutboxStore for Flaky {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        self.inner.append(events, now).await
    }
    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        self.fail()?;
        self.inner.claim(limit, now, lease).await
    }
    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.fail()?;
        self.inner.settle(settled, now).await
    }
    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        self.inner.renew(claims, now, lease).await
    }
    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        self.inner.release(claims).await
    }
    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.inner.next_due(now).await
    }
    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.fail()?;
        self.inner.oldest_open().await
    }
    async fn changed(&self) {
        std::future::pending().await
    }
    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        self.inner.purge(delivered_before).await
    }
    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        self.inner.retry(selection, now).await
    }
    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        self.inner.status().await
    }
}
