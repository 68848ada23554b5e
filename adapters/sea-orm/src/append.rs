//! Events of a program's own, in its transaction.

use celerysalt::event::Envelope;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use crate::tables;

/// Writes events that no rule fires into the outbox: in a transaction of yours they are committed with it, or neither is.
/// An event whose id is there already is left as it is.
///
/// ```no_run
/// use celerysalt::prelude::*;
/// use sea_orm::{DatabaseConnection, TransactionTrait};
/// # #[event("order.counted")]
/// # struct OrdersCounted { orders: u64 }
///
/// async fn count(db: &DatabaseConnection, publisher: &Publisher) -> Result<(), Box<dyn std::error::Error>> {
///     let txn = db.begin().await?;
///     // … what the event tells of …
///     let counted = publisher.envelope(&OrdersCounted { orders: 7 }, &PublishOptions::default())?;
///     celerysalt_sea_orm::append_in(&txn, &[counted], chrono::Utc::now()).await?;
///     txn.commit().await?;
///     celerysalt::outbox::wake(); // on SQLite and MySQL, where a relay of this process should not wait for its poll
///     Ok(())
/// }
/// ```
///
/// # Errors
/// The database's own.
pub async fn append_in<C: ConnectionTrait>(
    db: &C,
    events: &[Envelope],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    tables::keep(db, events, &[], now).await
}
