//! One SQLite file for the orders and the outbox.

use std::sync::Arc;

use celerysalt::outbox::SharedOutbox;
use celerysalt_sql::SqlOutbox;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr};

/// Opens the file in the folder where this runs, and creates the tables that are missing.
pub async fn open() -> Result<(DatabaseConnection, SharedOutbox), DbErr> {
    let db = Database::connect("sqlite://axum-orders.sqlite?mode=rwc").await?;
    celerysalt_migrations::sea_orm::up(&db).await?;
    db.execute_unprepared(crate::order::TABLE).await?;
    celerysalt_sea_orm::recover(&db).await?;
    let outbox = SqlOutbox::sqlite(db.get_sqlite_connection_pool().clone());
    Ok((db, Arc::new(outbox)))
}
