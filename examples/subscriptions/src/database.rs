//! The database: PostgreSQL when `CELERYSALT_DATABASE_URL` names one, else a SQLite file in this folder.

use std::sync::Arc;

use celerysalt::outbox::SharedOutbox;
use celerysalt_sql::SqlOutbox;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr};

const FILE: &str = "subscriptions.sqlite";

/// Connects, creates the tables that are missing, finishes what a dead process left half done, and opens the outbox for
/// the relay.
pub async fn open() -> Result<(DatabaseConnection, SharedOutbox), DbErr> {
    let file = || format!("sqlite://{FILE}?mode=rwc");
    let url = std::env::var("CELERYSALT_DATABASE_URL").unwrap_or_else(|_| file());
    let db = Database::connect(url).await?;
    celerysalt_migrations::sea_orm::up(&db).await?;
    let (outbox, uuid, json) = match db.get_database_backend() {
        DbBackend::Postgres => {
            let pool = db.get_postgres_connection_pool().clone();
            (SqlOutbox::postgres(pool), "uuid", "jsonb")
        }
        _ => {
            let pool = db.get_sqlite_connection_pool().clone();
            (SqlOutbox::sqlite(pool), "blob", "text")
        }
    };
    db.execute_unprepared(&tables(uuid, json)).await?;
    celerysalt_sea_orm::recover(&db).await?;
    Ok((db, Arc::new(outbox)))
}

fn tables(uuid: &str, json: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS subscriptions (id {uuid} PRIMARY KEY, customer text NOT NULL, status text NOT NULL,
            monthly_cents bigint NOT NULL, on_change_rules {json} NOT NULL DEFAULT '[]');
         CREATE TABLE IF NOT EXISTS invoices (id {uuid} PRIMARY KEY, subscription_id {uuid} NOT NULL, cents bigint NOT NULL,
            status text NOT NULL)"
    )
}
