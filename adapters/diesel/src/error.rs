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
}

impl From<Error> for DieselError {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) => error,
            Error::Follow(error) => DieselError::QueryBuilderError(Box::new(error)),
        }
    }
}
