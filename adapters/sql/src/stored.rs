//! Rows of the outbox as they are read, whatever the database.

use std::time::Duration;

use celerysalt::broker::{DeadLetter, DeadReason};
use celerysalt::event::{Envelope, Meta};
use celerysalt::outbox::{OutboxError, OutboxEvent, QUARANTINE_AFTER};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::session::{Columns, document, need};

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

/// Reads a candidate, with the token of the claim that would hold it.
///
/// # Errors
/// When not even its place can be read; any other fault makes it an unreadable event.
pub(crate) fn candidate(row: &impl Columns, token: Uuid) -> sqlx::Result<Candidate> {
    Ok(Candidate {
        seq: need("seq", row.number("seq")?)?,
        aggregate: row.text("aggregate")?,
        lost_claims: row.count("lost_claims")?,
        event: readable(row, token),
    })
}

fn readable(row: &impl Columns, token: Uuid) -> Result<OutboxEvent, OutboxError> {
    let id = row.id("id").and_then(|id| need("id", id));
    let id = id.map_err(|error| corrupt("(unknown)", error))?;
    event(row, id, token).map_err(|error| corrupt(&id.to_string(), error))
}

fn event(row: &impl Columns, id: Uuid, token: Uuid) -> sqlx::Result<OutboxEvent> {
    let mut meta: Meta = document(row, "meta")?;
    meta.aggregate = row.text("aggregate")?;
    let envelope = Envelope {
        id,
        topic: need("topic", row.text("topic")?)?,
        version: row.text("version")?,
        payload: document(row, "payload")?,
        meta,
    };
    let created_at = need("created_at", row.instant("created_at")?)?;
    let targets = row.json("targets")?.map(|_| document(row, "targets"));
    Ok(OutboxEvent {
        attempts: row.count("attempts")?,
        progress: document(row, "progress")?,
        targets: targets.transpose()?.unwrap_or_default(),
        lost_claims: row.count("lost_claims")?,
        unroutable_since: row.instant("unroutable_since")?,
        ..OutboxEvent::new(envelope, created_at, token)
    })
}

/// Reads a dead letter.
pub(crate) fn letter(row: &impl Columns) -> Result<DeadLetter, OutboxError> {
    let read = || -> sqlx::Result<DeadLetter> {
        Ok(DeadLetter {
            envelope: document(row, "envelope")?,
            reason: DeadReason {
                handler: row.text("handler")?,
                attempts: row.count("attempts")?,
                error: need("error", row.text("error")?)?,
            },
            origin: need("origin", row.text("origin")?)?,
            died_at: need("died_at", row.instant("died_at")?)?,
        })
    };
    read().map_err(|error| match row.id("event_id") {
        Ok(Some(id)) => corrupt(&id.to_string(), error),
        _ => corrupt("(unknown)", error),
    })
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
