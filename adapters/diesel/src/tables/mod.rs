//! Writes to the library's own tables, over the connection of the save.

mod catalog;
mod events;
mod pending;
mod receipt;
mod transitions;

use chrono::{DateTime, Utc};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use uuid::Uuid;

use crate::backend::FollowBackend;
use crate::session::Session;

pub(crate) use catalog::Asked;
#[allow(unused_imports)] // without a database nobody asks
pub(crate) use catalog::CatalogRow;
pub(crate) use events::insert_events;
pub(crate) use pending::{DeleteIntents, Tell};
pub(crate) use receipt::insert_receipt;
pub(crate) use transitions::insert_transitions;

/// SQLite takes 32,766 parameters a statement, PostgreSQL and MySQL 65,535.
const PARAMETERS: usize = 32_000;
/// Few rows are common, and their statements worth to be kept prepared.
const PREPARED_UP_TO: usize = 4;

/// A table, and the columns that are written.
struct Columns {
    table: &'static str,
    names: &'static [&'static str],
}

/// Rows to be inserted; one whose key is there already is left as it is, since a key means the same for ever.
struct Insert {
    into: &'static Columns,
    rows: Vec<Vec<Cell>>,
}

/// A value of a row.
#[derive(Clone)]
struct Cell {
    text: Option<String>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Id,
    Text,
    Json,
    Instant,
}

impl Cell {
    fn id(id: Uuid) -> Self {
        Self::of(Kind::Id, Some(id.to_string()))
    }

    fn text(text: impl Into<Option<String>>) -> Self {
        Self::of(Kind::Text, text.into())
    }

    fn json(text: impl Into<Option<String>>) -> Self {
        Self::of(Kind::Json, text.into())
    }

    fn instant<DB: FollowBackend>(at: DateTime<Utc>) -> Self {
        Self::of(Kind::Instant, Some(DB::instant(at)))
    }

    fn of(kind: Kind, text: Option<String>) -> Self {
        Self { text, kind }
    }

    fn walk<'b, DB: FollowBackend>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        DB::push_text(out.reborrow(), &self.text)?;
        out.push_sql(match self.kind {
            Kind::Id => DB::CASTS.id,
            Kind::Text => "",
            Kind::Json => DB::CASTS.json,
            Kind::Instant => DB::CASTS.instant,
        });
        Ok(())
    }
}

impl Insert {
    /// Inserts the rows, in one statement as far as they fit; tells how many were not there.
    async fn run<S: Session>(
        into: &'static Columns,
        rows: Vec<Vec<Cell>>,
        session: &mut S,
    ) -> QueryResult<usize> {
        let mut inserted = 0;
        let mut rows = rows.into_iter();
        loop {
            let chunk = rows.by_ref().take(PARAMETERS / into.names.len());
            let insert = Self {
                into,
                rows: chunk.collect(),
            };
            if insert.rows.is_empty() {
                return Ok(inserted);
            }
            inserted += match session.execute(&insert).await {
                Err(error) if S::Backend::KEEP_FIRST.is_none() && is_there(&error) => {
                    insert.missing(session).await?
                }
                done => done?,
            };
        }
    }

    /// One by one, for a database that cannot leave out what is there.
    async fn missing<S: Session>(self, session: &mut S) -> QueryResult<usize> {
        let mut inserted = 0;
        if self.rows.len() == 1 {
            return Ok(inserted);
        }
        for row in self.rows {
            let insert = Self {
                into: self.into,
                rows: vec![row],
            };
            match session.execute(&insert).await {
                Err(error) if is_there(&error) => {}
                done => inserted += done?,
            }
        }
        Ok(inserted)
    }
}

fn is_there(error: &Error) -> bool {
    matches!(
        error,
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)
    )
}

impl<DB: FollowBackend> QueryFragment<DB> for Insert {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.rows.len() > PREPARED_UP_TO {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("INSERT INTO ");
        out.push_sql(self.into.table);
        for (at, name) in self.into.names.iter().enumerate() {
            out.push_sql(if at == 0 { " (" } else { ", " });
            out.push_sql(name);
        }
        out.push_sql(") VALUES ");
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                out.push_sql(", ");
            }
            for (at, cell) in row.iter().enumerate() {
                out.push_sql(if at == 0 { "(" } else { ", " });
                cell.walk(out.reborrow())?;
            }
            out.push_sql(")");
        }
        out.push_sql(DB::KEEP_FIRST.unwrap_or_default());
        Ok(())
    }
}

// Without a static id Diesel's cache of prepared statements goes by the SQL text.
impl QueryId for Insert {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
