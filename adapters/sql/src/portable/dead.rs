//! Dead letters.

use async_trait::async_trait;
use celerysalt::broker::{DeadLetter, DeadReason, DeadSelection};
use celerysalt::clock::{SystemClock, new_id};
use celerysalt::event::Envelope;
use celerysalt::outbox::{DeadLetterStore, OUTBOX_ORIGIN, OutboxError, OutboxEvent};
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{PortableOutbox, append_in};
use crate::error::store;
use crate::retry::retrying;
use crate::session::{Bind, Columns, Kind, Session, list};
use crate::stored::{corrupt, letter};

/// Stores a dead letter; one of the same event and handler is replaced.
pub(super) async fn bury(
    session: &mut Session<'_>,
    envelope: &Envelope,
    reason: &DeadReason,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    let known = match session.kind() {
        Kind::Mysql => {
            "ON DUPLICATE KEY UPDATE
             envelope = VALUES(envelope), attempts = VALUES(attempts), error = VALUES(error),
             died_at = VALUES(died_at), replayed_at = NULL"
        }
        _ => {
            "ON CONFLICT (event_id, COALESCE(handler, '')) DO UPDATE SET
             envelope = excluded.envelope, attempts = excluded.attempts, error = excluded.error,
             died_at = excluded.died_at, replayed_at = NULL"
        }
    };
    let sql = format!(
        "INSERT INTO celerysalt_dead_letters
             (id, event_id, topic, envelope, handler, attempts, error, origin, died_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {known}"
    );
    let binds = vec![
        Bind::Id(Some(new_id(&SystemClock))),
        Bind::Id(Some(envelope.id)),
        Bind::Text(Some(envelope.topic.clone())),
        Bind::Text(Some(json(envelope.id, envelope)?)),
        Bind::Text(reason.handler.clone()),
        Bind::Number(i64::from(reason.attempts)),
        Bind::Text(Some(reason.error.clone())),
        Bind::Text(Some(OUTBOX_ORIGIN.to_owned())),
        Bind::Instant(Some(now)),
    ];
    session.execute(&sql, binds).await.map_err(store)?;
    Ok(())
}

#[async_trait]
impl DeadLetterStore for PortableOutbox {
    async fn dead_letters(
        &self,
        selection: &DeadSelection,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, OutboxError> {
        let (sql, mut binds) = waiting(selection);
        binds.push(Bind::Number(i64::try_from(limit).unwrap_or(i64::MAX)));
        let mut connection = self.pool.acquire().await.map_err(store)?;
        let sql = format!("{sql} LIMIT ?");
        let rows = connection.session().rows(&sql, binds).await;
        rows.map_err(store)?.iter().map(letter).collect()
    }

    async fn replay(
        &self,
        selection: &DeadSelection,
        now: DateTime<Utc>,
    ) -> Result<u64, OutboxError> {
        let replayed = retrying(|| async {
            let mut tx = self.pool.begin().await.map_err(store)?;
            let replayed = replay(&mut tx.session(), selection, now).await?;
            tx.commit().await.map_err(store)?;
            Ok(replayed)
        })
        .await?;
        self.ring();
        Ok(replayed)
    }

    async fn purge_dead_letters(&self, selection: &DeadSelection) -> Result<u64, OutboxError> {
        let (condition, binds) = selected(selection);
        let sql = format!("DELETE FROM celerysalt_dead_letters WHERE {condition}");
        retrying(|| async {
            let mut tx = self.pool.begin().await.map_err(store)?;
            let purged = tx.session().execute(&sql, binds.clone()).await;
            let purged = purged.map_err(store)?;
            tx.commit().await.map_err(store)?;
            Ok(purged)
        })
        .await
    }
}

/// The condition of a selection.
fn selected(selection: &DeadSelection) -> (String, Vec<Bind>) {
    match selection {
        DeadSelection::All => ("1 = 1".to_owned(), Vec::new()),
        DeadSelection::Events(events) if events.is_empty() => ("1 = 0".to_owned(), Vec::new()),
        DeadSelection::Events(events) => {
            let binds = events.iter().map(|id| Bind::Id(Some(*id))).collect();
            (format!("event_id IN {}", list(events.len())), binds)
        }
        DeadSelection::Before(instant) => (
            "died_at < ?".to_owned(),
            vec![Bind::Instant(Some(*instant))],
        ),
    }
}

/// The letters of a selection that were not replayed, oldest first.
fn waiting(selection: &DeadSelection) -> (String, Vec<Bind>) {
    let (condition, binds) = selected(selection);
    let sql = format!(
        "SELECT id, event_id, envelope, handler, attempts, error, origin, died_at
         FROM celerysalt_dead_letters WHERE {condition} AND replayed_at IS NULL ORDER BY died_at, id"
    );
    (sql, binds)
}

/// What holds a row until the transaction ends; SQLite's write lock does.
fn lock(kind: Kind) -> &'static str {
    match kind {
        Kind::Mysql => " FOR UPDATE",
        _ => "",
    }
}

async fn replay(
    session: &mut Session<'_>,
    selection: &DeadSelection,
    now: DateTime<Utc>,
) -> Result<u64, OutboxError> {
    const MARK: &str = "UPDATE celerysalt_dead_letters SET replayed_at = ? WHERE id = ?";
    let (sql, binds) = waiting(selection);
    let lock = lock(session.kind());
    let rows = session.rows(&format!("{sql}{lock}"), binds).await;
    let mut replayed = 0;
    for row in &rows.map_err(store)? {
        if put_back(session, &letter(row)?, now).await? {
            let id = row.id("id").map_err(store)?;
            let binds = vec![Bind::Instant(Some(now)), Bind::Id(id)];
            session.execute(MARK, binds).await.map_err(store)?;
            replayed += 1;
        }
    }
    Ok(replayed)
}

/// Puts a dead letter's event back for its handler; `false` when it is being delivered right now.
async fn put_back(
    session: &mut Session<'_>,
    letter: &DeadLetter,
    now: DateTime<Utc>,
) -> Result<bool, OutboxError> {
    const STATE: &str = "
        SELECT claimed_until > ? AS busy, progress, targets,
               (published_at IS NOT NULL OR unrouted_at IS NOT NULL) AS closed
        FROM celerysalt_outbox WHERE id = ?";
    let envelope = letter.revived();
    let sql = format!("{STATE}{}", lock(session.kind()));
    let binds = vec![Bind::Instant(Some(now)), Bind::Id(Some(envelope.id))];
    let state = session.row(&sql, binds).await.map_err(store)?;
    let mut event = OutboxEvent::new(envelope, now, Uuid::nil());
    let mut closed = true;
    match state {
        None => append_in(session, std::slice::from_ref(&event.envelope), now).await?,
        Some(state) if state.flag("busy").map_err(store)? => return Ok(false),
        Some(state) => {
            closed = state.flag("closed").map_err(store)?;
            let column = |name: &str| state.text(name).ok().flatten().unwrap_or_default();
            // What cannot be read is worth nothing: then every handler that is not named starts anew.
            event.progress = serde_json::from_str(&column("progress")).unwrap_or_default();
            event.targets = serde_json::from_str(&column("targets")).unwrap_or_default();
        }
    }
    event.retarget(letter.reason.handler.as_deref(), closed);
    reopen(session, &event, now).await?;
    Ok(true)
}

async fn reopen(
    session: &mut Session<'_>,
    event: &OutboxEvent,
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    const REOPEN: &str = "
        UPDATE celerysalt_outbox SET
            payload = ?, meta = ?, progress = ?, targets = ?, available_at = ?, attempts = 0,
            last_error = NULL, claim = NULL, claimed_until = NULL, lost_claims = 0,
            unroutable_since = NULL, published_at = NULL, unrouted_at = NULL
        WHERE id = ?";
    let id = event.envelope.id;
    let targets = match &event.targets[..] {
        [] => None,
        targets => Some(json(id, &targets)?),
    };
    let binds = vec![
        Bind::Text(Some(event.envelope.payload.to_string())),
        Bind::Text(Some(json(id, &event.envelope.meta)?)),
        Bind::Text(Some(json(id, &event.progress)?)),
        Bind::Text(targets),
        Bind::Instant(Some(now)),
        Bind::Id(Some(id)),
    ];
    session.execute(REOPEN, binds).await.map_err(store)?;
    Ok(())
}

fn json(id: Uuid, value: &impl Serialize) -> Result<String, OutboxError> {
    serde_json::to_string(value).map_err(|error| corrupt(&id.to_string(), error))
}
