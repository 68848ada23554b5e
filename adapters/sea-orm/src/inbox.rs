//! Handlers that take effect once, though an event may be delivered more than once.

use celerysalt::inbox::{Once, Receipt};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};

use crate::follow::{self, Own};
use crate::{row, tables};

/// How often a receipt is tried to be recorded: of two that wait for the same one a rollback may make a deadlock. A wait
/// that was in vain is not repeated, it has been long already.
const TRIES: usize = 5;

/// Runs a handler's work in a transaction that also records the receipt: once, however often the event comes.
///
/// What that means and what it cannot do is told in [`celerysalt::inbox`]. In a transaction of yours it is a savepoint.
///
/// ```no_run
/// use celerysalt::prelude::*;
/// use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
/// # #[event("order.paid")]
/// # struct OrderPaid { order_id: i64 }
///
/// #[subscribe("order.paid")]
/// async fn ship(
///     paid: OrderPaid,
///     receipt: Receipt,
///     State(db): State<DatabaseConnection>,
/// ) -> Result<Once<()>, DbErr> {
///     celerysalt_sea_orm::once(&receipt, &db, async |txn| {
///         let ship = format!("INSERT INTO shipments (order_id) VALUES ({})", paid.order_id);
///         txn.execute_unprepared(&ship).await?;
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
/// Those of the work, after which nothing of it is left; and SeaORM's own, made into one of these.
pub async fn once<C, T, E>(
    receipt: &Receipt,
    db: &C,
    work: impl AsyncFnOnce(&C::Transaction) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    C: ConnectionTrait + TransactionTrait,
    E: From<DbErr>,
{
    let Some(own) = begin(receipt, db).await? else {
        return Ok(Once::Seen);
    };
    let done = work(&own.txn).await;
    let done = done.map(|value| (Once::Done(value), true));
    follow::end(db, own, done).await
}

/// A transaction that holds the receipt; none when it was there.
async fn begin<C>(receipt: &Receipt, db: &C) -> Result<Option<Own<C::Transaction>>, DbErr>
where
    C: ConnectionTrait + TransactionTrait,
{
    let mut tries = 1;
    loop {
        let own = follow::begin(db).await?;
        match tables::insert_receipt(&own.txn, receipt).await {
            Ok(true) => return Ok(Some(own)),
            Ok(false) => return follow::end(db, own, Ok((None, false))).await,
            Err(error) => {
                let again = is_victim(&error) && row::is_pool::<C>() && tries < TRIES;
                let failed = follow::end::<_, _, (), _>(db, own, Err(error)).await;
                if let (Err(error), false) = (failed, again) {
                    return Err(error);
                }
                tries += 1;
            }
        }
    }
}

/// Whether the database ended the transaction for the sake of another. By its words: SeaORM hands out the code only where
/// a driver of sqlx is switched on, which is the program's choice.
fn is_victim(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause)) = error else {
        return false;
    };
    let said = cause.to_string().to_lowercase();
    said.contains("deadlock") || said.contains("could not serialize")
}
