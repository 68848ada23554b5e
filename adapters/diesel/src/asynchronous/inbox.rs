//! Handlers that take effect once, on connections of diesel-async.

use celerysalt::inbox::{Once, Receipt};
use diesel::result::Error as DieselError;

use super::connection::{Awaited, FollowConnection};
use crate::inbox::begin;

/// Runs a handler's work in a transaction that also records the receipt: once, however often the event comes; as
/// [`once`](crate::once) does on Diesel's own connections.
///
/// ```
/// use celerysalt::inbox::{Once, Receipt};
/// use diesel::prelude::*;
/// use diesel_async::RunQueryDsl;
///
/// # diesel::table! {
/// #     shipments (order_id) {
/// #         order_id -> BigInt,
/// #     }
/// # }
/// # #[cfg(feature = "async-postgres")]
/// async fn ship(
///     order_id: i64,
///     receipt: &Receipt,
///     conn: &mut diesel_async::AsyncPgConnection,
/// ) -> QueryResult<Once<usize>> {
///     celerysalt_diesel::asynchronous::once(receipt, conn, async |conn| {
///         diesel::insert_into(shipments::table)
///             .values(shipments::order_id.eq(order_id))
///             .execute(conn)
///             .await
///     })
///     .await
/// }
/// ```
///
/// # Errors
/// Those of the work, after which nothing of it is left; and Diesel's own.
pub async fn once<C, T, E>(
    receipt: &Receipt,
    conn: &mut C,
    work: impl AsyncFnOnce(&mut C) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    C: FollowConnection,
    E: From<DieselError>,
{
    let begun = begin(receipt, Awaited(conn)).await;
    let Some(mut saving) = begun.map_err(DieselError::from)? else {
        return Ok(Once::Seen);
    };
    let done = work(saving.session().0).await;
    saving.end(done).await.map(Once::Done)
}
