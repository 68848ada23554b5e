//! Handlers that take effect once, though an event may be delivered more than once.

use celerysalt::inbox::{Once, Receipt};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::connection::{Blocking, FollowConnection};
use crate::error::Error;
use crate::session::{Saving, Session, now};
use crate::tables::insert_receipt;

/// How often a receipt is tried to be recorded: of two that wait for the same one a rollback may make a deadlock. A wait
/// that was in vain is not repeated, it has been long already.
const TRIES: usize = 5;

/// Runs a handler's work in a transaction that also records the receipt: once, however often the event comes.
///
/// What that means and what it cannot do is told in [`celerysalt::inbox`]. In a transaction of yours it is a savepoint.
///
/// ```
/// use celerysalt::inbox::{Once, Receipt};
/// use diesel::prelude::*;
///
/// # diesel::table! {
/// #     shipments (order_id) {
/// #         order_id -> BigInt,
/// #     }
/// # }
/// # #[cfg(feature = "sqlite")]
/// fn ship(order_id: i64, receipt: &Receipt, conn: &mut SqliteConnection) -> QueryResult<Once<usize>> {
///     celerysalt_diesel::once(receipt, conn, |conn| {
///         diesel::insert_into(shipments::table)
///             .values(shipments::order_id.eq(order_id))
///             .execute(conn)
///     })
/// }
/// ```
///
/// A redelivery that comes while the work is still running waits for its end: on SQLite as long as the connection's
/// `busy_timeout`, on MySQL as long as `innodb_lock_wait_timeout`. After that it fails, and comes again like any other
/// failure.
///
/// # Errors
/// Those of the work, after which nothing of it is left; and Diesel's own.
pub fn once<C, T, E>(
    receipt: &Receipt,
    conn: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    C: FollowConnection,
    E: From<DieselError>,
{
    let begun = now(begin(receipt, Blocking(conn))).map_err(DieselError::from)?;
    let Some(mut saving) = begun else {
        return Ok(Once::Seen);
    };
    let done = work(saving.session().0);
    now(saving.end(done)).map(Once::Done)
}

/// A transaction that holds the receipt; none when it was there.
pub(crate) async fn begin<S: Session>(
    receipt: &Receipt,
    session: S,
) -> Result<Option<Saving<S>>, Error> {
    let mut saving = Saving::begin(session).await?;
    let mut tries = 1;
    loop {
        match insert_receipt(receipt, saving.session()).await {
            Ok(true) => {
                saving.may_have_fired();
                return Ok(Some(saving));
            }
            Ok(false) => return saving.end::<_, Error>(Ok(None)).await,
            // Nothing of the work has begun.
            Err(error) if is_victim(&error) && saving.is_own() && tries < TRIES => {
                tries += 1;
                saving.again().await?;
            }
            Err(error) => return saving.end(Err(error.into())).await,
        }
    }
}

/// Whether the database ended the transaction for the sake of another. Diesel has no kind of its own for PostgreSQL's
/// deadlocks, nor diesel-async for MySQL's.
fn is_victim(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        DieselError::DatabaseError(_, about) => about.message().to_lowercase().contains("deadlock"),
        _ => false,
    }
}
