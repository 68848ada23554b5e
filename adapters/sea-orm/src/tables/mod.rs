//! Writes to the library's own tables, over the connection of the save.

mod aside;
mod events;
mod kept;
mod pending;
mod receipts;
mod transitions;

pub(crate) use aside::{put_aside, take_aside};
pub(crate) use events::lock_for_write;
pub(crate) use kept::{Kept, keep};
pub(crate) use pending::{
    Intent, delete_intents, insert_intent, intent, intent_stands, intents, tell,
};
pub(crate) use receipts::insert_receipt;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, InsertStatement, OnConflict, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, SqlErr, Value};
use uuid::Uuid;

/// Parameters that one statement may take: SQLite allows 32,766, the others more.
const PARAMETERS: usize = 32_000;

/// Rows that are inserted unless a row of the same id is there already: an `id` is given once and means the same for
/// ever.
struct Rows<'t, T> {
    table: &'static str,
    columns: &'static [&'static str],
    rows: &'t [T],
    values: &'t (dyn Fn(&T) -> Result<Vec<Value>, DbErr> + Sync),
}

impl<T: Sync> Rows<'_, T> {
    /// Inserts them, in one statement as far as they fit.
    async fn insert<C: ConnectionTrait>(&self, db: &C) -> Result<(), DbErr> {
        let backend = db.get_database_backend();
        for rows in self.rows.chunks(PARAMETERS / self.columns.len()) {
            let inserted = db.execute(&self.statement(rows, backend)?).await;
            match inserted {
                // MySQL has no `ON CONFLICT … DO NOTHING`; `INSERT IGNORE` would swallow other errors too, and `ON
                // DUPLICATE KEY UPDATE` locks gaps of the index, over which concurrent saves deadlock. It is rare that
                // a row is there already.
                Err(error) if backend == DbBackend::MySql && is_there(&error) => {
                    self.insert_missing(db, rows).await?;
                }
                other => {
                    other?;
                }
            }
        }
        Ok(())
    }

    async fn insert_missing<C: ConnectionTrait>(&self, db: &C, rows: &[T]) -> Result<(), DbErr> {
        for row in rows.chunks(1) {
            let inserted = db
                .execute(&self.statement(row, db.get_database_backend())?)
                .await;
            match inserted {
                Err(error) if is_there(&error) => {}
                other => {
                    other?;
                }
            }
        }
        Ok(())
    }

    fn statement(&self, rows: &[T], backend: DbBackend) -> Result<InsertStatement, DbErr> {
        let mut insert = Query::insert();
        insert
            .into_table(self.table)
            .columns(self.columns.iter().copied());
        for row in rows {
            let values = (self.values)(row)?;
            insert.values_panic(values.into_iter().map(Expr::val));
        }
        if backend != DbBackend::MySql {
            insert.on_conflict(OnConflict::column("id").do_nothing().to_owned());
        }
        Ok(insert)
    }
}

fn is_there(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// An id as the tables hold it: text where there is no type for it.
fn id(backend: DbBackend, id: impl Into<Option<Uuid>>) -> Value {
    let id = id.into();
    match backend {
        DbBackend::Postgres => id.into(),
        _ => id.map(|id| id.to_string()).into(),
    }
}

/// An instant as the tables hold it: UTC without a zone on MySQL, text that sorts on SQLite.
fn instant(backend: DbBackend, at: DateTime<Utc>) -> Value {
    match backend {
        DbBackend::Postgres => at.into(),
        DbBackend::MySql => at.naive_utc().into(),
        _ => at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into(),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Json(error.to_string()))
}
