//! Events into the outbox.

use celerysalt::event::{Envelope, Meta};
use celerysalt::outbox::OutboxError;
use chrono::{DateTime, Utc};

use crate::error::store;
use crate::session::{Bind, Kind, Session};
use crate::stored::corrupt;

/// SQLite takes 32,766 parameters a statement, an event has eight.
const CHUNK: usize = 4_000;

pub(crate) async fn append_in(
    session: &mut Session<'_>,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    for chunk in events.chunks(CHUNK) {
        let sql = insert(session.kind(), chunk.len());
        let mut binds = Vec::with_capacity(8 * chunk.len());
        for event in chunk {
            binds.extend([
                Bind::Id(Some(event.id)),
                Bind::Text(Some(event.topic.clone())),
                Bind::Text(event.version.clone()),
                Bind::Text(Some(event.payload.to_string())),
                Bind::Text(Some(meta(event)?)),
                Bind::Text(event.meta.aggregate.clone()),
                Bind::Instant(Some(now)),
                Bind::Instant(Some(now)),
            ]);
        }
        session.execute(&sql, binds).await.map_err(store)?;
    }
    Ok(())
}

/// An insert of so many events that leaves alone what is there.
fn insert(kind: Kind, events: usize) -> String {
    let rows = ", (?, ?, ?, ?, ?, ?, ?, ?)".repeat(events.saturating_sub(1));
    // Not INSERT IGNORE, which ignores every other fault as well.
    let known = match kind {
        Kind::Mysql => "ON DUPLICATE KEY UPDATE id = celerysalt_outbox.id",
        _ => "ON CONFLICT (id) DO NOTHING",
    };
    format!(
        "INSERT INTO celerysalt_outbox
             (id, topic, version, payload, meta, aggregate, created_at, available_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?){rows} {known}"
    )
}

fn meta(event: &Envelope) -> Result<String, OutboxError> {
    serde_json::to_string::<Meta>(&event.meta)
        .map_err(|error| corrupt(&event.id.to_string(), error))
}
