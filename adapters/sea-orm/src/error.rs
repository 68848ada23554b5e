//! What can go wrong beside the database itself.

use celerysalt::follow::note::UnreadableNote;
use sea_orm::DbErr;

/// Why a followed save was refused. SeaORM's methods return it as [`DbErr::Custom`] with its text; the
/// database's own errors stay SeaORM's own, so that a deadlock or a serialization failure can be retried as
/// ever.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// Rules that this save would attach are wrong, or its chain of events is too deep. Nothing was written.
    #[error(transparent)]
    Refused(#[from] celerysalt::follow::FollowError),
    /// Others changed the row again and again while this save tried to.
    #[error(
        "{model}: the row was changed by others {attempts} times while it was saved without a transaction; \
         save again, or save in a transaction (`update_and_follow`), which waits for its turn"
    )]
    Contended {
        /// The model.
        model: &'static str,
        /// How often the save was tried.
        attempts: u32,
    },
    /// The row carries a note, with events that wait for the outbox, that this version cannot read. Nothing was
    /// written.
    #[error(transparent)]
    Note(#[from] UnreadableNote),
    /// The save is inside of a transaction of the caller's that MySQL has ended meanwhile, as it does for a deadlock: what
    /// the save wrote would be committed statement by statement. Nothing was written.
    #[error(
        "the transaction that the save is in was ended by the database, as a deadlock does; roll it back and begin it \
         anew ({reason})"
    )]
    TransactionEnded {
        /// What the database said.
        reason: String,
    },
    /// The database is of a kind that is not supported.
    #[error(
        "saves on {backend} are not followed; those on PostgreSQL, MySQL, MariaDB and SQLite are"
    )]
    Backend {
        /// Its kind.
        backend: &'static str,
    },
}

impl From<FollowError> for DbErr {
    fn from(error: FollowError) -> Self {
        DbErr::Custom(error.to_string())
    }
}
