//! `celerysalt_outbox`.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use diesel::result::{Error, QueryResult};

use super::{Cell, Columns, Insert};
use crate::backend::FollowBackend;
use crate::session::Session;

const OUTBOX: Columns = Columns {
    table: "celerysalt_outbox",
    names: &[
        "id",
        "topic",
        "version",
        "payload",
        "meta",
        "aggregate",
        "created_at",
        "available_at",
    ],
};

/// Puts events into the outbox; the relay takes them from there once the transaction is committed.
pub(crate) async fn insert_events<S: Session>(
    events: &[Envelope],
    now: DateTime<Utc>,
    session: &mut S,
) -> QueryResult<()> {
    let rows = events.iter().map(|event| row::<S::Backend>(event, now));
    Insert::run(&OUTBOX, rows.collect::<QueryResult<_>>()?, session).await?;
    Ok(())
}

fn row<DB: FollowBackend>(event: &Envelope, now: DateTime<Utc>) -> QueryResult<Vec<Cell>> {
    let at = Cell::instant::<DB>(event.meta.created_at.unwrap_or(now));
    let meta = serde_json::to_string(&event.meta)
        .map_err(|error| Error::SerializationError(Box::new(error)))?;
    Ok(vec![
        Cell::id(event.id),
        Cell::text(event.topic.clone()),
        Cell::text(event.version.clone()),
        Cell::json(event.payload.to_string()),
        Cell::json(meta),
        Cell::text(event.meta.aggregate.clone()),
        at.clone(),
        at,
    ])
}
