//! The database: PostgreSQL when `CELERYSALT_DATABASE_URL` names one, else a SQLite file in this folder.

use std::error::Error;
use std::sync::Arc;

use celerysalt::outbox::SharedOutbox;
use celerysalt_migrations::{Dialect, up_sql};
use celerysalt_sql::SqlOutbox;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use sqlx::{PgPool, SqlitePool};

const FILE: &str = "orders-diesel.sqlite";

/// The connection on which orders are saved.
pub enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Connects, creates the tables that are missing, and opens the outbox for the relay.
pub async fn open() -> Result<(Database, SharedOutbox), Box<dyn Error>> {
    if let Ok(url) = std::env::var("CELERYSALT_DATABASE_URL") {
        let mut conn = PgConnection::establish(&url)?;
        conn.batch_execute("SET client_min_messages TO warning")?;
        conn.batch_execute(&up_sql(Dialect::Postgres))?;
        conn.batch_execute(&orders("bigserial PRIMARY KEY", "json"))?;
        let outbox = SqlOutbox::postgres(PgPool::connect(&url).await?);
        return Ok((Database::Postgres(conn), Arc::new(outbox)));
    }
    let mut conn = SqliteConnection::establish(FILE)?;
    conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL")?;
    conn.batch_execute(&up_sql(Dialect::Sqlite))?;
    conn.batch_execute(&orders("integer PRIMARY KEY AUTOINCREMENT", "text"))?;
    let outbox = SqlOutbox::sqlite(SqlitePool::connect(&format!("sqlite://{FILE}")).await?);
    Ok((Database::Sqlite(conn), Arc::new(outbox)))
}

fn orders(key: &str, json: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS orders (id {key}, status text NOT NULL, cents bigint NOT NULL,
         on_change_rules {json} NOT NULL DEFAULT '[]')"
    )
}
