//! `celerysalt_inbox`.

use celerysalt::clock;
use celerysalt::inbox::Receipt;
use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use super::{id, instant, is_there};

/// Records a receipt; whether it was not there. Waits for another transaction that has recorded it.
pub(crate) async fn insert_receipt<C: ConnectionTrait>(
    db: &C,
    receipt: &Receipt,
) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    let mut insert = Query::insert();
    insert
        .into_table("celerysalt_inbox")
        .columns(["event_id", "handler", "handled_at"])
        .values_panic(
            [
                id(backend, receipt.event_id()),
                receipt.handler().into(),
                instant(backend, clock::ambient().now()),
            ]
            .map(Expr::val),
        );
    if backend != DbBackend::MySql {
        // An error would end PostgreSQL's transaction.
        let mut there = OnConflict::columns(["event_id", "handler"]);
        insert.on_conflict(there.do_nothing().to_owned());
    }
    match db.execute(&insert).await {
        Ok(inserted) => Ok(inserted.rows_affected() > 0),
        // Nothing that MySQL offers instead is told from a new row, or from another fault.
        Err(error) if backend == DbBackend::MySql && is_there(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
