//! Events into the outbox.

use celerysalt::event::{Envelope, Meta};
use celerysalt::outbox::OutboxError;
use chrono::{DateTime, Utc};

use crate::error::store;
use crate::insert::insert_new;
use crate::session::{Bind, Session};
use crate::stored::corrupt;

/// SQLite takes 32,766 parameters a statement, an event has eight.
const CHUNK: usize = 4_000;

const INTO: &str = "celerysalt_outbox
    (id, topic, version, payload, meta, aggregate, created_at, available_at)";

/// Inserts events; one that is there already is left alone.
pub(crate) async fn append_in(
    session: &mut Session<'_>,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), OutboxError> {
    for chunk in events.chunks(CHUNK) {
        let binds = |event: &Envelope| binds(event, now);
        insert_new(session, INTO, chunk, binds, store).await?;
    }
    Ok(())
}

fn binds(event: &Envelope, now: DateTime<Utc>) -> Result<Vec<Bind>, OutboxError> {
    Ok(vec![
        Bind::Id(Some(event.id)),
        Bind::Text(Some(event.topic.clone())),
        Bind::Text(event.version.clone()),
        Bind::Text(Some(event.payload.to_string())),
        Bind::Text(Some(meta(event)?)),
        Bind::Text(event.meta.aggregate.clone()),
        Bind::Instant(Some(now)),
        Bind::Instant(Some(now)),
    ])
}

fn meta(event: &Envelope) -> Result<String, OutboxError> {
    serde_json::to_string::<Meta>(&event.meta)
        .map_err(|error| corrupt(&event.id.to_string(), error))
}
