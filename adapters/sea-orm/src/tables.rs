//! Writes to `celerysalt_outbox` and `celerysalt_pending`, over the connection of the save.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Cond, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Value};
use uuid::Uuid;

const OUTBOX: &str = "celerysalt_outbox";
const PENDING: &str = "celerysalt_pending";

/// A save without a transaction that fires: written before the row is touched, so that somebody looks after
/// the row when its saver dies.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: Uuid,
    pub(crate) model: String,
    pub(crate) row_key: Option<serde_json::Value>,
    pub(crate) operation: &'static str,
    pub(crate) events: Option<Vec<Envelope>>,
    pub(crate) created_at: DateTime<Utc>,
}

/// Events of one insert: each takes 8 parameters, of which SQLite allows 32,766.
const EVENTS: usize = 4_000;

/// Adds events to the outbox, all in one statement as far as they fit; those that are there already stay as they are.
pub(crate) async fn insert_events<C: ConnectionTrait>(
    db: &C,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for events in events.chunks(EVENTS) {
        insert_some(db, events, now).await?;
    }
    Ok(())
}

async fn insert_some<C: ConnectionTrait>(
    db: &C,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let mut insert = Query::insert();
    insert.into_table(OUTBOX).columns([
        "id",
        "topic",
        "version",
        "payload",
        "meta",
        "aggregate",
        "created_at",
        "available_at",
    ]);
    for event in events {
        let at = instant(backend, event.meta.created_at.unwrap_or(now));
        let row = [
            id(backend, event.id),
            event.topic.clone().into(),
            event.version.clone().into(),
            event.payload.clone().into(),
            to_json(&event.meta)?.into(),
            event.meta.aggregate.clone().into(),
            at.clone(),
            at,
        ];
        insert.values_panic(row.map(Expr::val));
    }
    insert.on_conflict(OnConflict::column("id").do_nothing().to_owned());
    db.execute(&insert).await.map(drop)
}

/// Announces a save, with the events of a row that is about to go. One that is announced already gets the
/// events.
pub(crate) async fn insert_intent<C: ConnectionTrait>(
    db: &C,
    intent: &Intent,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let events = intent.events.as_ref().map(to_json).transpose()?;
    let mut insert = Query::insert();
    insert
        .into_table(PENDING)
        .columns([
            "id",
            "model",
            "row_key",
            "operation",
            "events",
            "created_at",
        ])
        .values_panic(
            [
                id(backend, intent.id),
                intent.model.clone().into(),
                Value::Json(intent.row_key.clone().map(Box::new)),
                intent.operation.into(),
                Value::Json(events.map(Box::new)),
                instant(backend, intent.created_at),
            ]
            .map(Expr::val),
        );
    let again = OnConflict::column("id").update_column("events").to_owned();
    insert.on_conflict(again);
    db.execute(&insert).await.map(drop)
}

/// Ends intents; those that have ended already do not matter.
pub(crate) async fn delete_intents<C: ConnectionTrait>(
    db: &C,
    intents: &[Uuid],
) -> Result<(), DbErr> {
    if intents.is_empty() {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let mut delete = Query::delete();
    delete
        .from_table(PENDING)
        .and_where(Expr::col("id").is_in(intents.iter().map(|intent| id(backend, *intent))));
    db.execute(&delete).await.map(drop)
}

/// True where the intent still stands.
pub(crate) fn intent_stands(backend: DbBackend, intent: Uuid) -> Expr {
    let mut select = Query::select();
    select
        .expr(Expr::val(1))
        .from(PENDING)
        .and_where(Expr::col((PENDING, "id")).eq(id(backend, intent)));
    Expr::exists(select)
}

/// An intent's id, and the intent if it can be read: one that cannot must not keep the others from being read.
pub(crate) type Found = (Uuid, Result<Intent, DbErr>);

/// Up to `limit` intents after a position, in order of their ids, which is the order of their making.
pub(crate) async fn intents<C: ConnectionTrait>(
    db: &C,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Found>, DbErr> {
    let backend = db.get_database_backend();
    let mut all = Cond::all();
    if let Some(after) = after {
        all = all.add(Expr::col("id").gt(id(backend, after)));
    }
    select_intents(db, all, limit).await
}

/// One intent as it stands now.
pub(crate) async fn intent<C: ConnectionTrait>(
    db: &C,
    which: Uuid,
) -> Result<Option<Intent>, DbErr> {
    let this = Cond::all().add(Expr::col("id").eq(id(db.get_database_backend(), which)));
    let found = select_intents(db, this, 1).await?.pop();
    found.map(|(_, intent)| intent).transpose()
}

async fn select_intents<C: ConnectionTrait>(
    db: &C,
    which: Cond,
    limit: u64,
) -> Result<Vec<Found>, DbErr> {
    let mut select = Query::select();
    select
        .columns([
            "id",
            "model",
            "row_key",
            "operation",
            "events",
            "created_at",
        ])
        .from(PENDING)
        .cond_where(which)
        .order_by("id", sea_orm::Order::Asc)
        .limit(limit);
    let backend = db.get_database_backend();
    let rows = db.query_all(&select).await?;
    let read = |row: &QueryResult| {
        let id = read_id(backend, row)?;
        Ok((id, read_intent(backend, id, row)))
    };
    rows.iter().map(read).collect()
}

fn read_id(backend: DbBackend, row: &QueryResult) -> Result<Uuid, DbErr> {
    if backend == DbBackend::Sqlite {
        let id: String = row.try_get("", "id")?;
        return id.parse().map_err(|_| unreadable("id"));
    }
    row.try_get("", "id")
}

fn read_intent(backend: DbBackend, id: Uuid, row: &QueryResult) -> Result<Intent, DbErr> {
    let created_at = if backend == DbBackend::Sqlite {
        let at: String = row.try_get("", "created_at")?;
        at.parse().map_err(|_| unreadable("created_at"))?
    } else {
        row.try_get("", "created_at")?
    };
    let events: Option<serde_json::Value> = row.try_get("", "events")?;
    let operation: String = row.try_get("", "operation")?;
    Ok(Intent {
        id,
        model: row.try_get("", "model")?,
        row_key: row.try_get("", "row_key")?,
        operation: match operation.as_str() {
            "insert" => "insert",
            "update" => "update",
            "delete" => "delete",
            _ => return Err(unreadable("operation")),
        },
        events: events
            .map(|events| serde_json::from_value(events).map_err(|_| unreadable("events")))
            .transpose()?,
        created_at,
    })
}

fn unreadable(column: &str) -> DbErr {
    DbErr::Custom(format!(
        "{PENDING}: column `{column}` cannot be read; was the row written by hand, or by a newer version? \
         Mend or delete it, or run `recover` in the version that wrote it"
    ))
}

/// Takes the write lock of an SQLite transaction, so that what is read next stays true.
pub(crate) async fn lock_for_write<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    let mut update = Query::update();
    update
        .table(OUTBOX)
        .value("attempts", Expr::col(Alias::new("attempts")))
        .and_where(Expr::cust("0"));
    db.execute(&update).await.map(drop)
}

fn id(backend: DbBackend, id: Uuid) -> Value {
    match backend {
        DbBackend::Postgres => id.into(),
        _ => id.to_string().into(),
    }
}

/// SQLite keeps instants as text that sorts.
fn instant(backend: DbBackend, at: DateTime<Utc>) -> Value {
    match backend {
        DbBackend::Postgres => at.into(),
        _ => at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into(),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(value).map_err(|error| DbErr::Json(error.to_string()))
}
