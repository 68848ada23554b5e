//! How a save begins its transaction.

use diesel::connection::{LoadConnection, TransactionManager};
use diesel::result::QueryResult;

use crate::backend::FollowBackend;
use crate::error::Error;

/// A connection on which saves are followed: `SqliteConnection`, `PgConnection`, and (feature `r2d2`) pooled ones.
#[diagnostic::on_unimplemented(
    message = "saves on `{Self}` are not followed",
    note = "turn on the feature `sqlite`, `postgres` or `r2d2` of celerysalt-diesel for your connection"
)]
pub trait FollowConnection: LoadConnection<Backend: FollowBackend> {
    /// Begins a transaction, or a savepoint in the caller's, in which nobody else changes what is read.
    #[doc(hidden)]
    fn begin_save(&mut self) -> QueryResult<()>;
}

/// Runs a save in its own transaction, or a savepoint in the caller's.
pub(crate) fn in_transaction<C: FollowConnection, R>(
    conn: &mut C,
    save: impl FnOnce(&mut C) -> Result<R, Error>,
) -> Result<R, Error> {
    conn.begin_save()?;
    match save(conn) {
        Ok(saved) => {
            C::TransactionManager::commit_transaction(conn)?;
            Ok(saved)
        }
        Err(error) => match C::TransactionManager::rollback_transaction(conn) {
            // The save's own error tells more; it likely caused this one.
            Ok(()) | Err(diesel::result::Error::BrokenTransactionManager) => Err(error),
            Err(rollback) => Err(rollback.into()),
        },
    }
}

#[cfg(feature = "postgres")]
impl FollowConnection for diesel::PgConnection {
    fn begin_save(&mut self) -> QueryResult<()> {
        use diesel::connection::AnsiTransactionManager;
        AnsiTransactionManager::begin_transaction(self)
    }
}

#[cfg(feature = "sqlite")]
impl FollowConnection for diesel::SqliteConnection {
    /// The write lock comes first, so that a reader does not find out too late that it may not write.
    fn begin_save(&mut self) -> QueryResult<()> {
        use diesel::connection::{AnsiTransactionManager, SimpleConnection};
        use diesel::result::Error::AlreadyInTransaction;

        match AnsiTransactionManager::begin_transaction_sql(self, "BEGIN IMMEDIATE") {
            Err(AlreadyInTransaction) => {
                AnsiTransactionManager::begin_transaction(self)?;
                let locked = self.batch_execute(LOCK_FOR_WRITE);
                if locked.is_err() {
                    AnsiTransactionManager::rollback_transaction(self)?;
                }
                locked
            }
            begun => begun,
        }
    }
}

/// Changes nothing, and takes the write lock of a transaction that began without.
#[cfg(feature = "sqlite")]
const LOCK_FOR_WRITE: &str = "UPDATE celerysalt_outbox SET attempts = attempts WHERE 0";

#[cfg(feature = "r2d2")]
impl<M> FollowConnection for diesel::r2d2::PooledConnection<M>
where
    M: diesel::r2d2::ManageConnection,
    M::Connection: FollowConnection + diesel::r2d2::R2D2Connection,
    Self: LoadConnection<Backend: FollowBackend>,
{
    fn begin_save(&mut self) -> QueryResult<()> {
        (**self).begin_save()
    }
}
