//! `celerysalt_outbox`.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, Query};
use sea_orm::{ConnectionTrait, DbErr};

use super::{Rows, id, instant, to_json};

const OUTBOX: &str = "celerysalt_outbox";

/// Adds events to the outbox.
pub(super) async fn insert<C: ConnectionTrait>(
    db: &C,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let values = |event: &Envelope| {
        let at = instant(backend, event.meta.created_at.unwrap_or(now));
        Ok(vec![
            id(backend, event.id),
            event.topic.clone().into(),
            event.version.clone().into(),
            event.payload.clone().into(),
            to_json(&event.meta)?.into(),
            event.meta.aggregate.clone().into(),
            at.clone(),
            at,
        ])
    };
    let rows = Rows {
        table: OUTBOX,
        columns: &[
            "id",
            "topic",
            "version",
            "payload",
            "meta",
            "aggregate",
            "created_at",
            "available_at",
        ],
        rows: events,
        values: &values,
    };
    rows.insert(db).await
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
