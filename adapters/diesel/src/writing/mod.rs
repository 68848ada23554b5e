//! How a row is written so that what the database made of it is known.

#[cfg(feature = "mysql_backend")]
mod read_back;
#[cfg(any(feature = "sqlite", feature = "postgres_backend"))]
mod returning;

use std::future::Future;

use diesel::query_builder::QueryFragment;
use diesel::result::QueryResult;

use crate::backend::FollowBackend;
use crate::error::Error;
use crate::model::Follow;
use crate::on::FollowOn;
use crate::session::Session;

#[cfg(feature = "mysql_backend")]
pub(crate) use read_back::ReadBack;
#[cfg(any(feature = "sqlite", feature = "postgres_backend"))]
pub(crate) use returning::Returning;

/// A way to write one row and have it back as the database holds it.
pub trait Writing<DB: FollowBackend> {
    /// Whether a statement that changes rows can return them.
    const RETURNS: bool;

    /// Changes the row of this key, which is locked; none when it is not there.
    fn update<M, Q, S>(
        statement: Q,
        key: M::Key,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Option<M>>> + Send
    where
        M: FollowOn<DB>,
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>;

    /// Inserts a row; without a key the database makes it.
    fn insert<M, Q, S>(
        statement: Q,
        key: Option<M::Key>,
        session: &mut S,
    ) -> impl Future<Output = Result<M, Error>> + Send
    where
        M: FollowOn<DB>,
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>;
}

/// A way to write that can tell the rows of `M` that are inserted as `N`.
pub trait Inserts<N, M: Follow> {
    /// The key of the new row, where it has to be known.
    fn key(new: &N) -> Option<M::Key>;
}
