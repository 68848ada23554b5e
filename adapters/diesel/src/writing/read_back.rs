//! Writing where nothing is returned: MySQL.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::{Inserts, Writing};
use crate::backend::{FollowBackend, Lock};
use crate::error::Error;
use crate::model::{Follow, NewRow};
use crate::on::FollowOn;
use crate::session::Session;

/// The statement, then a read of the row under its lock, for a database that returns nothing.
///
/// The read locks, too: a plain one would show the row as it was at the transaction's first read, where the statement
/// changed nothing.
#[derive(Debug, Clone, Copy)]
pub struct ReadBack;

impl<DB: FollowBackend> Writing<DB> for ReadBack {
    const RETURNS: bool = false;

    async fn update<M, Q, S>(statement: Q, key: M::Key, session: &mut S) -> QueryResult<Option<M>>
    where
        M: FollowOn<DB>,
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        session.execute(Unread(statement)).await?;
        M::read(key, Lock::ToChange, session).await
    }

    async fn insert<M, Q, S>(statement: Q, key: Option<M::Key>, session: &mut S) -> Result<M, Error>
    where
        M: FollowOn<DB>,
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        let new = match key {
            Some(key) => {
                session.execute(Unread(statement)).await?;
                M::read(key, Lock::ToChange, session).await?
            }
            None => {
                // Else an INSERT that makes no key would leave that of an earlier one, and another row be read.
                session.execute(Unread(ForgetLastKey)).await?;
                session.execute(Unread(statement)).await?;
                M::read_last(session).await?
            }
        };
        new.ok_or(Error::KeyOfNewRow { model: M::NAME })
    }
}

impl<N: NewRow<M::Key>, M: Follow> Inserts<N, M> for ReadBack {
    fn key(new: &N) -> Option<M::Key> {
        new.new_key()
    }
}

/// A statement of Diesel's of which nothing is read.
struct Unread<Q>(Q);

impl<Q: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Unread<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

// Without a static id Diesel's cache of prepared statements goes by the SQL text.
impl<Q> QueryId for Unread<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// Makes `LAST_INSERT_ID()` tell nothing until the next row is inserted whose key AUTO_INCREMENT makes.
struct ForgetLastKey;

impl<DB: Backend> QueryFragment<DB> for ForgetLastKey {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DO LAST_INSERT_ID(0)");
        Ok(())
    }
}
