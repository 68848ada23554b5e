//! Snippets of docs/outbox.md.

use std::sync::Arc;

use celerysalt::outbox::Relay;
use celerysalt::worker::InProcess;
use celerysalt_sql::SqlOutbox;
use sqlx::SqlitePool;

use crate::events::Mailer;

async fn all(pool: SqlitePool, mailer: Mailer, shutdown: impl Future<Output = ()> + Send) -> Result<(), Box<dyn std::error::Error>> {
    let outbox = Arc::new(SqlOutbox::sqlite(pool));                    // or postgres(pool), mysql(pool)
    let handlers = Arc::new(InProcess::builder().state(mailer).build()?);
    Relay::builder(outbox, handlers).build().run(shutdown).await;
    Ok(())
}
