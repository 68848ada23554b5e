//! Writes to the library's own tables, over the connection of the save.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use uuid::Uuid;

use crate::backend::FollowBackend;

/// SQLite takes 32,766 parameters a statement, PostgreSQL and MySQL 65,535; an event has eight.
const CHUNK: usize = 4_000;
/// Few events are common, and their statements worth to be kept prepared.
const PREPARED_UP_TO: usize = 4;

/// One `INSERT` for all events (for each 4,000); an event whose id is there already is left as it is.
pub(crate) struct InsertEvents(Vec<Entry>);

/// An event as the outbox's columns hold it.
struct Entry {
    id: String,
    topic: String,
    version: Option<String>,
    payload: String,
    meta: String,
    aggregate: Option<String>,
    at: String,
}

impl InsertEvents {
    /// The statements that keep these events; none when there are none.
    pub(crate) fn of<DB: FollowBackend>(
        events: &[Envelope],
        now: DateTime<Utc>,
    ) -> QueryResult<Vec<Self>> {
        let statement = |chunk: &[Envelope]| {
            let entries = chunk.iter().map(|event| Entry::new::<DB>(event, now));
            entries.collect::<QueryResult<_>>().map(Self)
        };
        events.chunks(CHUNK).map(statement).collect()
    }
}

impl Entry {
    fn new<DB: FollowBackend>(event: &Envelope, now: DateTime<Utc>) -> QueryResult<Self> {
        let at = event.meta.created_at.unwrap_or(now);
        let meta = serde_json::to_string(&event.meta)
            .map_err(|error| Error::SerializationError(Box::new(error)))?;
        Ok(Self {
            id: event.id.to_string(),
            topic: event.topic.clone(),
            version: event.version.clone(),
            payload: event.payload.to_string(),
            meta,
            aggregate: event.meta.aggregate.clone(),
            at: DB::instant(at),
        })
    }

    fn walk<'b, DB: FollowBackend>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let casts = DB::CASTS;
        out.push_sql("(");
        DB::push_text(out.reborrow(), &self.id)?;
        out.push_sql(casts.id);
        out.push_sql(", ");
        DB::push_text(out.reborrow(), &self.topic)?;
        out.push_sql(", ");
        DB::push_nullable(out.reborrow(), &self.version)?;
        for json in [&self.payload, &self.meta] {
            out.push_sql(", ");
            DB::push_text(out.reborrow(), json)?;
            out.push_sql(casts.json);
        }
        out.push_sql(", ");
        DB::push_nullable(out.reborrow(), &self.aggregate)?;
        for _ in ["created_at", "available_at"] {
            out.push_sql(", ");
            DB::push_text(out.reborrow(), &self.at)?;
            out.push_sql(casts.instant);
        }
        out.push_sql(")");
        Ok(())
    }
}

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
            entry.walk(out.reborrow())?;
        }
        out.push_sql(DB::KEEP_FIRST);
        Ok(())
    }
}

/// Ends what another adapter announced for a row; what has ended already does not matter.
pub(crate) struct DeleteIntents(Vec<String>);

impl DeleteIntents {
    pub(crate) fn of(intents: &[Uuid]) -> Self {
        Self(intents.iter().map(Uuid::to_string).collect())
    }
}

impl<DB: FollowBackend> QueryFragment<DB> for DeleteIntents {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM celerysalt_pending WHERE id IN (");
        for (at, id) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_sql(", ");
            }
            DB::push_text(out.reborrow(), id)?;
            out.push_sql(DB::CASTS.id);
        }
        out.push_sql(")");
        Ok(())
    }
}

// Without a static id Diesel's cache of prepared statements goes by the SQL text.
macro_rules! goes_by_text {
    ($($statement:ty),+) => {$(
        impl QueryId for $statement {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )+};
}

goes_by_text!(InsertEvents, DeleteIntents);
