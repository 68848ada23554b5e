//! `celerysalt_pending`.

use celerysalt::follow::note::Claim;
use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::sea_query::{Cond, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{Kept, id, instant};

const PENDING: &str = "celerysalt_pending";

/// A save without a transaction that fires: written before the row is touched, so that somebody looks after
/// the row when its saver dies.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: Uuid,
    pub(crate) model: String,
    pub(crate) row_key: Option<serde_json::Value>,
    pub(crate) operation: &'static str,
    /// What is to be kept when the row is gone.
    pub(crate) kept: Option<Kept>,
    pub(crate) created_at: DateTime<Utc>,
}

/// Announces a save.
pub(crate) async fn insert_intent<C: ConnectionTrait>(
    db: &C,
    intent: &Intent,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let mut insert = Query::insert();
    insert
        .into_table(PENDING)
        .columns(["id", "model", "row_key", "operation", "created_at"])
        .values_panic(
            [
                id(backend, intent.id),
                intent.model.clone().into(),
                Value::Json(intent.row_key.clone().map(Box::new)),
                intent.operation.into(),
                instant(backend, intent.created_at),
            ]
            .map(Expr::val),
        );
    db.execute(&insert).await.map(drop)
}

/// Lets the intent of a claim keep what the claim tells, unless it has ended or keeps something later; whether it did.
pub(crate) async fn tell<C: ConnectionTrait>(db: &C, claim: &Claim) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    let kept = claim
        .kept()
        .map_err(|error| DbErr::Json(error.to_string()))?;
    let at = instant(backend, claim.at);
    let mut update = Query::update();
    update
        .table(PENDING)
        .value("events", Value::Json(Some(Box::new(kept))))
        .value("created_at", at.clone())
        .and_where(Expr::col("id").eq(id(backend, claim.id)))
        .and_where(Expr::col("created_at").lt(at));
    Ok(db.execute(&update).await?.rows_affected() > 0)
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
    if backend != DbBackend::Postgres {
        let id: String = row.try_get("", "id")?;
        return id.parse().map_err(|_| unreadable("id"));
    }
    row.try_get("", "id")
}

fn read_intent(backend: DbBackend, id: Uuid, row: &QueryResult) -> Result<Intent, DbErr> {
    let created_at = match backend {
        DbBackend::Postgres => row.try_get("", "created_at")?,
        DbBackend::MySql => row.try_get::<NaiveDateTime>("", "created_at")?.and_utc(),
        _ => {
            let at: String = row.try_get("", "created_at")?;
            at.parse().map_err(|_| unreadable("created_at"))?
        }
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
        kept: events
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
