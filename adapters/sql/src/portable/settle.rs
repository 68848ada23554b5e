//! Records what became of claimed events.

use celerysalt::broker::DeadReason;
use celerysalt::outbox::{Claim, OutboxError, OutboxEvent, Settlement};
use chrono::{DateTime, Utc};

use super::{by_token, dead, update_claimed};
use crate::error::store;
use crate::session::{Bind, Session};
use crate::stored::corrupt;

const DELIVERED: &str = "claim = NULL, claimed_until = NULL, published_at = ?";
const UNROUTED: &str = "claim = NULL, claimed_until = NULL, unrouted_at = ?";
const UNROUTABLE: &str = "
    claim = NULL, claimed_until = NULL, available_at = ?, attempts = attempts + 1, lost_claims = 0,
    unroutable_since = COALESCE(unroutable_since, ?), last_error = 'no queue is bound for it'";
const AGAIN: &str = "
    claim = NULL, claimed_until = NULL, available_at = ?, attempts = attempts + ?,
    lost_claims = CASE WHEN ? THEN 0 ELSE lost_claims END, last_error = ?, progress = ?";

/// Writes the settlements; gives how many events were still held.
pub(super) async fn settle(
    session: &mut Session<'_>,
    settled: &[(OutboxEvent, Settlement)],
    now: DateTime<Utc>,
) -> Result<usize, OutboxError> {
    let (plain, special): (Vec<_>, Vec<_>) = settled.iter().partition(|(_, s)| is_plain(s));
    let mut held = delivered(session, plain.iter().map(|(e, _)| e.claim()), now).await?;
    for (event, settlement) in special {
        let (set, binds, dead) = update(event, settlement, now)?;
        let Claim { event: id, token } = event.claim();
        let found = update_claimed(session, set, &binds, token, &[id]).await;
        if found.map_err(store)? == 0 {
            continue;
        }
        held += 1;
        for reason in dead {
            dead::bury(session, &event.envelope, reason, now).await?;
        }
    }
    Ok(held)
}

/// Delivered, and nothing else: what nearly all are.
fn is_plain(settlement: &Settlement) -> bool {
    matches!(settlement, Settlement::Delivered { dead } if dead.is_empty())
}

/// All in one statement.
async fn delivered(
    session: &mut Session<'_>,
    claims: impl Iterator<Item = Claim>,
    now: DateTime<Utc>,
) -> Result<usize, OutboxError> {
    let at = [Bind::Instant(Some(now))];
    let mut held = 0;
    for (token, events) in by_token(claims) {
        let found = update_claimed(session, DELIVERED, &at, token, &events).await;
        held += found.map_err(store)?;
    }
    Ok(held as usize)
}

type Update<'a> = (&'static str, Vec<Bind>, &'a [DeadReason]);

/// What a settlement sets, and its dead letters.
fn update<'a>(
    event: &OutboxEvent,
    settlement: &'a Settlement,
    now: DateTime<Utc>,
) -> Result<Update<'a>, OutboxError> {
    let now = Bind::Instant(Some(now));
    Ok(match settlement {
        Settlement::Delivered { dead } => (DELIVERED, vec![now], dead),
        Settlement::Unrouted => (UNROUTED, vec![now], &[]),
        Settlement::Unroutable { at } => (UNROUTABLE, vec![Bind::Instant(Some(*at)), now], &[]),
        Settlement::Again {
            at,
            error,
            progress,
            dead,
            counts,
        } => {
            let progress = serde_json::to_string(progress)
                .map_err(|error| corrupt(&event.envelope.id.to_string(), error))?;
            let binds = vec![
                Bind::Instant(Some(*at)),
                Bind::Number(i64::from(*counts)),
                Bind::Flag(*counts),
                Bind::Text(Some(error.clone())),
                Bind::Text(Some(progress)),
            ];
            (AGAIN, binds, dead)
        }
    })
}
