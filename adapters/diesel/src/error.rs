//! What can go wrong with a followed save.

use celerysalt::follow::FollowError;
use diesel::result::Error as DieselError;

/// Why a followed save failed. Nothing of it is in the database then.
///
/// The database's own errors stay Diesel's own, so that a deadlock, a serialization failure or a unique violation is told
/// apart as ever. In a transaction whose closure returns Diesel's error, `?` turns this one into it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Diesel's own: the database's, or [`NotFound`](DieselError::NotFound) when the row to update is not there.
    #[error(transparent)]
    Database(#[from] DieselError),
    /// The save was refused: rules that it would attach are wrong, or the chain of events is too deep.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A new row was not found again under the key that it should have (MySQL).
    #[error(
        "{model}: the new row is not there under its key, so a trigger or a DEFAULT made another one; put the key into \
         the struct that is inserted, or let AUTO_INCREMENT make it (and leave it out of a struct marked \
         `#[follow(inserts = …)]`)"
    )]
    KeyOfNewRow {
        /// The model.
        model: &'static str,
    },
    /// The save is inside of a transaction of the caller's that the server has ended meanwhile (MySQL): a deadlock ends
    /// the whole transaction, also where only a savepoint was rolled back for it.
    #[error(
        "the transaction that the save is in was ended by the database, as a deadlock does; roll it back and begin it \
         anew ({0})"
    )]
    TransactionEnded(#[source] DieselError),
}

impl From<Error> for DieselError {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error,
            error => DieselError::QueryBuilderError(Box::new(error)),
        }
    }
}
