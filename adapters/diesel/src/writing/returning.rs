//! Writing where a statement returns the row: SQLite and PostgreSQL.

use diesel::query_builder::QueryFragment;
use diesel::result::{Error as DieselError, QueryResult};

use super::{Inserts, Writing};
use crate::backend::FollowBackend;
use crate::error::Error;
use crate::model::Follow;
use crate::on::FollowOn;
use crate::session::Session;

/// `… RETURNING …`: one statement.
#[derive(Debug, Clone, Copy)]
pub struct Returning;

impl<DB: FollowBackend> Writing<DB> for Returning {
    const RETURNS: bool = true;

    async fn update<M, Q, S>(statement: Q, _: M::Key, session: &mut S) -> QueryResult<Option<M>>
    where
        M: FollowOn<DB>,
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        M::returned(statement, session).await
    }

    async fn insert<M, Q, S>(statement: Q, _: Option<M::Key>, session: &mut S) -> Result<M, Error>
    where
        M: FollowOn<DB>,
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        let returned = M::returned(statement, session).await?;
        Ok(returned.ok_or(DieselError::NotFound)?)
    }
}

impl<N, M: Follow> Inserts<N, M> for Returning {
    fn key(_: &N) -> Option<M::Key> {
        None
    }
}
