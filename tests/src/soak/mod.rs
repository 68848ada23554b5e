//! A soak: savers and relays that are killed again and again, on a database that is restarted beneath them, and the
//! proof afterwards. `cargo xtask soak` runs the processes (`src/bin/soak.rs`); this is what they do.
//!
//! What is proven, and from what:
//! - What happened to the orders is told by the database: a trigger logs every transition in the transaction that
//!   makes it ([`tables`]). No code under test writes that log, and a row's lock orders what it says of the row.
//! - From the log alone follows which events must exist ([`history`]).
//! - Which events were delivered is told by a file that relays only append to ([`journal`], [`relay`]): neither a
//!   killed relay nor a restarted database takes a line back.
//! - Both must be equal, event by event, and in the log's order for each row ([`verdict`]).

pub mod history;
pub mod journal;
pub mod order;
pub mod outcome;
pub mod relay;
pub mod report;
pub mod saver;
pub mod tables;
pub mod verdict;

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection};

/// A pause before a database that does not answer is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// A small pool on the soak's database, as soon as that answers.
pub async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(5))
        .sqlx_logging(false);
    loop {
        match Database::connect(options.clone()).await {
            Ok(db) => return db,
            Err(error) => tracing::warn!(%error, "the database does not answer yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
