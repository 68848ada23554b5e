//! An order, its events, and an outbox that fails when told.
// Each test file takes a part of it.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use celerysalt::event;
use celerysalt::event::Envelope;
use celerysalt::outbox::{
    Claim, MemoryOutbox, OutboxError, OutboxEvent, OutboxStatus, OutboxStore, RetrySelection,
    Settlement,
};
use celerysalt::rules::Rule;
use celerysalt_plain::{FollowActions, Rules};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// An order moved.
#[event("plain.moved")]
pub struct Moved {
    /// Which.
    pub id: u64,
    /// From where.
    pub from: Option<String>,
    /// Where to.
    pub to: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, FollowActions)]
#[follow(name = "order", key = "id")]
pub struct Order {
    pub id: u64,
    pub status: String,
    pub on_change_rules: Rules,
}

/// What goes wrong in a persist.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the disk is full")]
pub struct DiskFull;

pub fn order(rules: impl IntoIterator<Item = Rule>) -> Order {
    Order {
        id: 7,
        status: "new".into(),
        on_change_rules: rules.into_iter().collect(),
    }
}

/// Fires when an update sets the status.
pub fn moved(id: &str, to: &str) -> Rule {
    let data = json!({"id": "{{ id }}", "from": "{{ old.status }}", "to": "{{ status }}"});
    Rule::when(Order::STATUS).eql(to).emit::<Moved>(data).id(id)
}

pub fn ids(rules: &Rules) -> Vec<&str> {
    rules.iter().map(|rule| rule.id.as_str()).collect()
}

/// An outbox that refuses the next appends as often as told.
#[derive(Clone, Default)]
pub struct Flaky {
    store: MemoryOutbox,
    refuse: Arc<AtomicU32>,
}

impl Flaky {
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub fn refuse(&self, times: u32) {
        self.refuse.store(times, Ordering::SeqCst);
    }

    /// Takes what is in it.
    pub async fn events(&self) -> Vec<Envelope> {
        let now = Utc::now();
        let claimed = self.claim(100, now, Duration::from_secs(3600)).await;
        let claimed = claimed.unwrap();
        let delivered = claimed.iter().cloned();
        let delivered: Vec<_> = delivered
            .map(|event| (event, Settlement::Delivered { dead: Vec::new() }))
            .collect();
        self.settle(&delivered, now).await.unwrap();
        claimed.into_iter().map(|event| event.envelope).collect()
    }

    /// Takes what is in it, as the status that each order went to.
    pub async fn moves(&self) -> Vec<String> {
        let to = |event: Envelope| event.payload["to"].as_str().unwrap().to_owned();
        self.events().await.into_iter().map(to).collect()
    }
}

#[async_trait]
impl OutboxStore for Flaky {
    async fn append(&self, events: &[Envelope], now: DateTime<Utc>) -> Result<(), OutboxError> {
        let less = |left: u32| left.checked_sub(1);
        if self
            .refuse
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
        {
            return Err(OutboxError::NotMigrated);
        }
        self.store.append(events, now).await
    }

    async fn claim(
        &self,
        limit: usize,
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<Vec<OutboxEvent>, OutboxError> {
        self.store.claim(limit, now, lease).await
    }

    async fn settle(
        &self,
        settled: &[(OutboxEvent, Settlement)],
        now: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.store.settle(settled, now).await
    }

    async fn renew(
        &self,
        claims: &[Claim],
        now: DateTime<Utc>,
        lease: Duration,
    ) -> Result<(), OutboxError> {
        self.store.renew(claims, now, lease).await
    }

    async fn release(&self, claims: &[Claim]) -> Result<(), OutboxError> {
        self.store.release(claims).await
    }

    async fn next_due(&self, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.store.next_due(now).await
    }

    async fn oldest_open(&self) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.store.oldest_open().await
    }

    async fn changed(&self) {
        self.store.changed().await;
    }

    async fn purge(&self, delivered_before: DateTime<Utc>) -> Result<u64, OutboxError> {
        self.store.purge(delivered_before).await
    }

    async fn retry(
        &self,
        selection: &RetrySelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        self.store.retry(selection, now).await
    }

    async fn status(&self) -> Result<OutboxStatus, OutboxError> {
        self.store.status().await
    }
}

/// The ids of events, to compare.
pub fn event_ids(events: &[Envelope]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}
