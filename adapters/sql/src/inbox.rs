//! The inbox: handlers whose work takes effect once, though an event may be delivered more than once. What that means
//! and what it cannot do is told in [`celerysalt::inbox`].

use celerysalt::clock;
use celerysalt::inbox::{Once, Receipt};
use chrono::{DateTime, Utc};
use sqlx::{Pool, Transaction};

use crate::error::inbox;
use crate::retry::retrying;
use crate::session::{Bind, Driver, Kind, Session};

/// How many rows one statement of a purge deletes: others may write in between.
const PURGE_CHUNK: i64 = 5_000;

/// Runs a handler's work in a transaction that also records the receipt: once, however often the event comes.
///
/// The work gets the connection with the transaction on it, and must not end it; a `begin()` on it is a savepoint.
///
/// ```no_run
/// use celerysalt::prelude::*;
/// # #[event("order.paid")]
/// # struct OrderPaid { order_id: i64 }
///
/// # #[cfg(feature = "postgres")]
/// #[subscribe("order.paid")]
/// async fn ship(
///     paid: OrderPaid,
///     receipt: Receipt,
///     State(pool): State<sqlx::PgPool>,
/// ) -> Result<Once<()>, sqlx::Error> {
///     celerysalt_sql::inbox::once(&receipt, &pool, async |connection| {
///         let insert = sqlx::query("INSERT INTO shipments (order_id) VALUES ($1)");
///         insert.bind(paid.order_id).execute(connection).await?;
///         Ok(())
///     })
///     .await
/// }
/// ```
///
/// A redelivery that comes while the work is still running waits for its end: on SQLite as long as the connection's
/// `busy_timeout`, on MySQL as long as `innodb_lock_wait_timeout`. After that it fails, and comes again like any other
/// failure.
///
/// # Errors
/// Those of the work, after which nothing of it is left; and sqlx's own, made into one of these.
/// [`sqlx::Error::Configuration`] when the table is missing.
pub async fn once<DB, T, E>(
    receipt: &Receipt,
    pool: &Pool<DB>,
    work: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    DB: Driver,
    E: From<sqlx::Error>,
{
    // A deadlock may be lost here, when the transaction that was waited for is rolled back; the work has not begun.
    let begun = retrying(|| begin(receipt, pool)).await;
    let Some(mut tx) = begun.map_err(inbox)? else {
        return Ok(Once::Seen);
    };
    match work(&mut *tx).await {
        Ok(value) => {
            tx.commit().await?;
            Ok(Once::Done(value))
        }
        Err(error) => {
            if let Err(rollback) = tx.rollback().await {
                tracing::debug!(error = %rollback, %receipt, "could not roll back; the database will");
            }
            Err(error)
        }
    }
}

/// A transaction that holds the receipt; `None` when it was there.
async fn begin<DB: Driver>(
    receipt: &Receipt,
    pool: &Pool<DB>,
) -> sqlx::Result<Option<Transaction<'static, DB>>> {
    let mut tx = DB::begin(pool).await?;
    if insert(&mut DB::session(&mut tx), receipt).await? {
        return Ok(Some(tx));
    }
    tx.rollback().await?;
    Ok(None)
}

/// Records the receipt on this connection, inside your transaction: what [`once`] begins with. `false` when it is there
/// already: the work was done, so roll back and do nothing. Waits for another transaction that has recorded it.
///
/// On SQLite begin with `BEGIN IMMEDIATE`: a transaction that has read before it writes is refused, not let wait.
///
/// # Errors
/// sqlx's own; [`sqlx::Error::Configuration`] when the table is missing.
pub async fn record_in<'c>(
    connection: impl Into<Session<'c>>,
    receipt: &Receipt,
) -> sqlx::Result<bool> {
    insert(&mut connection.into(), receipt).await.map_err(inbox)
}

async fn insert(session: &mut Session<'_>, receipt: &Receipt) -> sqlx::Result<bool> {
    const INSERT: &str =
        "INSERT INTO celerysalt_inbox (event_id, handler, handled_at) VALUES (?, ?, ?)";
    let binds = vec![
        Bind::Id(Some(receipt.event_id())),
        Bind::Text(Some(receipt.handler().to_owned())),
        Bind::Instant(Some(clock::ambient().now())),
    ];
    match session.kind() {
        // Nothing that MySQL offers instead is told from a new row, or from another fault.
        Kind::Mysql => match session.execute(INSERT, binds).await {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error),
        },
        // An error would end PostgreSQL's transaction.
        _ => {
            let sql = format!("{INSERT} ON CONFLICT (event_id, handler) DO NOTHING");
            Ok(session.execute(&sql, binds).await? == 1)
        }
    }
}

/// Forgets receipts from before this instant; returns how many. It must lie further back than any redelivery can come:
/// longer than the retries of a handler take, and than a queue or an outbox may stand still.
///
/// # Errors
/// sqlx's own; [`sqlx::Error::Configuration`] when the table is missing.
pub async fn purge<'c>(
    connection: impl Into<Session<'c>>,
    before: DateTime<Utc>,
) -> sqlx::Result<u64> {
    let mut session = connection.into();
    let sql = match session.kind() {
        Kind::Mysql => "DELETE FROM celerysalt_inbox WHERE handled_at < ? LIMIT ?",
        _ => {
            "DELETE FROM celerysalt_inbox WHERE (event_id, handler) IN (
                 SELECT event_id, handler FROM celerysalt_inbox WHERE handled_at < ? LIMIT ?)"
        }
    };
    let mut purged = 0;
    loop {
        let binds = vec![Bind::Instant(Some(before)), Bind::Number(PURGE_CHUNK)];
        let done = session.execute(sql, binds).await.map_err(inbox)?;
        purged += done;
        if done < PURGE_CHUNK as u64 {
            return Ok(purged);
        }
    }
}
