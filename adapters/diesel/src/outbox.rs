//! Events into `celerysalt_outbox`, over the connection of the save.

use celerysalt::event::Envelope;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::{Connection, RunQueryDsl};
use uuid::Uuid;

use crate::backend::FollowBackend;

/// An event as the outbox's columns hold it.
#[derive(Debug)]
#[cfg_attr(not(all(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub struct Entry {
    pub(crate) id: Uuid,
    pub(crate) id_text: String,
    pub(crate) topic: String,
    pub(crate) version: Option<String>,
    pub(crate) payload: String,
    pub(crate) meta: String,
    pub(crate) aggregate: Option<String>,
    pub(crate) at: DateTime<Utc>,
    /// SQLite keeps instants as text that sorts: always UTC with six digits.
    pub(crate) at_text: String,
}

/// SQLite takes 32,766 parameters a statement, PostgreSQL 65,535; an event has eight.
const CHUNK: usize = 4_000;

/// One `INSERT` for all events (for each 4,000); an event whose id is there already is left as it is.
pub(crate) struct InsertEvents(pub(crate) Vec<Entry>);

impl InsertEvents {
    /// The statements that keep these events; none when there are none.
    pub(crate) fn of(events: &[Envelope], now: DateTime<Utc>) -> QueryResult<Vec<Self>> {
        let statement = |chunk: &[Envelope]| {
            let entries = chunk.iter().map(|event| Entry::new(event, now));
            entries.collect::<QueryResult<_>>().map(Self)
        };
        events.chunks(CHUNK).map(statement).collect()
    }
}

impl Entry {
    fn new(event: &Envelope, now: DateTime<Utc>) -> QueryResult<Self> {
        let at = event.meta.created_at.unwrap_or(now);
        let meta = serde_json::to_string(&event.meta)
            .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
        Ok(Self {
            id: event.id,
            id_text: event.id.to_string(),
            topic: event.topic.clone(),
            version: event.version.clone(),
            payload: event.payload.to_string(),
            meta,
            aggregate: event.meta.aggregate.clone(),
            at,
            at_text: at.to_rfc3339_opts(SecondsFormat::Micros, true),
        })
    }
}

impl QueryId for InsertEvents {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Few events are common, and their statements worth to be kept prepared.
const PREPARED_UP_TO: usize = 4;

impl<DB: FollowBackend> QueryFragment<DB> for InsertEvents {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.0.len() > PREPARED_UP_TO {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql(
            "INSERT INTO celerysalt_outbox \
             (id, topic, version, payload, meta, aggregate, created_at, available_at) VALUES ",
        );
        for (at, entry) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_sql(", ");
            }
            DB::push_entry(out.reborrow(), entry)?;
        }
        out.push_sql(" ON CONFLICT (id) DO NOTHING");
        Ok(())
    }
}

impl<C: Connection> RunQueryDsl<C> for InsertEvents {}
