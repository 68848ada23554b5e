//! The check at start, on connections of diesel-async.

use std::future::Future;

use super::connection::{Awaited, FollowConnection};
use crate::check::{CheckError, CheckTables, run};

/// Looks whether the models' tables are what saves need, as [`check_tables`](crate::check_tables) does on Diesel's own
/// connections: `check_tables::<(Order, Customer)>(&mut conn).await?`.
///
/// # Errors
/// As there.
pub fn check_tables<M>(
    conn: &mut impl FollowConnection<Backend: CheckTables<M>>,
) -> impl Future<Output = Result<(), CheckError>> + Send {
    run::<M, _>(Awaited(conn))
}
