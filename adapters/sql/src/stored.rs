//! Rows of the outbox as they are read, whatever the database.

use std::time::Duration;

use celerysalt::event::{Envelope, Meta};
use celerysalt::outbox::{OutboxError, OutboxEvent, Progress, QUARANTINE_AFTER};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

/// How long an unreadable event is put off before it is looked at again.
const CORRUPT_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// A candidate for a claim: its place and order are known even when the rest of the row cannot be read.
pub(crate) struct Candidate {
    pub(crate) seq: i64,
    pub(crate) aggregate: Option<String>,
    pub(crate) lost_claims: u32,
    pub(crate) event: Result<OutboxEvent, OutboxError>,
}

/// An unreadable row, and what is to be written into it.
pub(crate) struct Corrupt {
    pub(crate) seq: i64,
    pub(crate) error: String,
}

/// The columns that hold JSON and need a second look.
pub(crate) struct Documents {
    pub(crate) payload: Value,
    pub(crate) meta: Value,
    pub(crate) progress: Value,
    pub(crate) targets: Option<Value>,
}

impl Documents {
    /// Reads the documents into the event, whose topic, version and aggregate have columns of their own.
    pub(crate) fn into_event(self, columns: Columns) -> Result<OutboxEvent, serde_json::Error> {
        let mut meta: Meta = serde_json::from_value(self.meta)?;
        meta.aggregate = columns.aggregate;
        let envelope = Envelope {
            id: columns.id,
            topic: columns.topic,
            version: columns.version,
            payload: self.payload,
            meta,
        };
        let progress: Progress = serde_json::from_value(self.progress)?;
        let targets = self.targets.map(serde_json::from_value).transpose()?;
        Ok(OutboxEvent {
            attempts: columns.attempts,
            progress,
            targets: targets.unwrap_or_default(),
            lost_claims: columns.lost_claims,
            unroutable_since: columns.unroutable_since,
            ..OutboxEvent::new(envelope, columns.created_at, columns.token)
        })
    }
}

/// The columns that hold no JSON.
pub(crate) struct Columns {
    pub(crate) id: Uuid,
    pub(crate) topic: String,
    pub(crate) version: Option<String>,
    pub(crate) aggregate: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) attempts: u32,
    pub(crate) lost_claims: u32,
    pub(crate) unroutable_since: Option<DateTime<Utc>>,
    pub(crate) token: Uuid,
}

/// What of the candidates is claimed, and what is to be put off as unreadable.
///
/// A suspect of killing its process goes alone; what stands behind an unreadable event of its aggregate stays.
pub(crate) fn select(candidates: Vec<Candidate>) -> (Vec<(i64, OutboxEvent)>, Vec<Corrupt>) {
    let mut taken: Vec<(i64, OutboxEvent)> = Vec::new();
    let mut corrupt = Vec::new();
    let mut blocked = std::collections::HashSet::new();
    for candidate in candidates {
        let Candidate {
            seq,
            aggregate,
            lost_claims,
            event,
        } = candidate;
        if aggregate.as_ref().is_some_and(|a| blocked.contains(a)) {
            continue;
        }
        match event {
            Ok(event) if lost_claims >= QUARANTINE_AFTER => {
                if taken.is_empty() {
                    taken.push((seq, event));
                }
                break;
            }
            Ok(event) => taken.push((seq, event)),
            Err(error) => {
                tracing::error!(%error, "put off an outbox event; mend its row, nothing is lost");
                blocked.extend(aggregate);
                corrupt.push(Corrupt {
                    seq,
                    error: error.to_string(),
                });
            }
        }
    }
    (taken, corrupt)
}

/// When an unreadable row is looked at again.
pub(crate) fn look_again(now: DateTime<Utc>) -> DateTime<Utc> {
    now + CORRUPT_PAUSE
}

pub(crate) fn corrupt(id: &str, reason: impl ToString) -> OutboxError {
    OutboxError::Corrupt {
        id: id.to_owned(),
        reason: reason.to_string(),
    }
}

/// The end of a lease; far in the future when it is longer than time goes.
pub(crate) fn until(now: DateTime<Utc>, lease: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(lease)
        .ok()
        .and_then(|lease| now.checked_add_signed(lease))
        .unwrap_or(FAR)
}

/// The end of year 9999: the last instant that every database can write.
pub(crate) const FAR: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 0) {
    Some(instant) => instant,
    None => DateTime::<Utc>::MAX_UTC,
};

/// What a lost claim is worth: a line in the log.
pub(crate) fn report_lost(claimed: usize, held: usize, what: &str) {
    if held < claimed {
        let lost = claimed - held;
        tracing::warn!(
            lost,
            "{what} outbox events whose claims were lost meanwhile"
        );
    }
}
