//! The embedded defaults: one SQLite file for the orders and the outbox.

use std::sync::Arc;

use celerysalt::outbox::SharedOutbox;
use celerysalt_sql::SqlOutbox;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbErr};

/// The file, in the folder where you run this.
pub const FILE: &str = "quickstart.sqlite";

/// Opens the file, creates the tables that are missing, and finishes what a dead process left half done.
pub async fn open() -> Result<(DatabaseConnection, SharedOutbox), DbErr> {
    let db = Database::connect(format!("sqlite://{FILE}?mode=rwc")).await?;
    celerysalt_migrations::sea_orm::up(&db).await?;
    db.execute_unprepared(crate::order::TABLE).await?;
    celerysalt_sea_orm::recover(&db).await?;
    let outbox = SqlOutbox::sqlite(db.get_sqlite_connection_pool().clone());
    Ok((db, Arc::new(outbox)))
}
