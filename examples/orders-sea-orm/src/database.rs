//! The database: PostgreSQL when `CELERYSALT_DATABASE_URL` names one, else a SQLite file in this folder.

use std::error::Error;
use std::sync::Arc;

use celerysalt::outbox::SharedOutbox;
use celerysalt_sql::SqlOutbox;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend};

use crate::order;

const FILE: &str = "orders-sea-orm.sqlite";

/// Connects, creates the tables that are missing, looks whether they fit, finishes what a dead process left half done, and opens the outbox for
/// the relay.
pub async fn open() -> Result<(DatabaseConnection, SharedOutbox), Box<dyn Error>> {
    let file = || format!("sqlite://{FILE}?mode=rwc");
    let url = std::env::var("CELERYSALT_DATABASE_URL").unwrap_or_else(|_| file());
    let db = Database::connect(url).await?;
    celerysalt_migrations::sea_orm::up(&db).await?;
    db.execute_unprepared(&orders(db.get_database_backend()))
        .await?;
    celerysalt_sea_orm::check_tables::<order::Entity>(&db).await?;
    celerysalt_sea_orm::recover(&db).await?;
    let outbox = match db.get_database_backend() {
        DbBackend::Postgres => SqlOutbox::postgres(db.get_postgres_connection_pool().clone()),
        _ => SqlOutbox::sqlite(db.get_sqlite_connection_pool().clone()),
    };
    Ok((db, Arc::new(outbox)))
}

fn orders(database: DbBackend) -> String {
    let (key, json) = match database {
        DbBackend::Postgres => ("bigserial PRIMARY KEY", "jsonb"),
        _ => ("integer PRIMARY KEY AUTOINCREMENT", "text"),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS orders (id {key}, status text NOT NULL, cents bigint NOT NULL,
         on_change_rules {json} NOT NULL DEFAULT '[]')"
    )
}
