//! `follow_update_many` and `follow_delete_many` on connections of diesel-async.

use std::future::Future;

use celerysalt::follow::FollowedMany;
use diesel::query_builder::{IntoUpdateTarget, QueryFragment};

use super::connection::{Awaited, FollowConnection};
use crate::error::Error;
use crate::many::{DeleteMany, FollowManyOn, SetNotCalled, UpdateMany};
use crate::model::Follow;

/// Saves of many rows of a model, as [`celerysalt_diesel::FollowMany`](crate::FollowMany) tells.
pub trait FollowMany: Follow {
    /// Changes the rows of a table or a filtered query; [`UpdateMany::set`] says how.
    fn follow_update_many<T>(
        rows: T,
    ) -> UpdateMany<Self, T::WhereClause, SetNotCalled, OnDieselAsync>
    where
        T: IntoUpdateTarget<Table = Self::Table>,
    {
        UpdateMany::of(rows.into_update_target().where_clause)
    }

    /// Deletes the rows of a table or a filtered query.
    fn follow_delete_many<T>(rows: T) -> DeleteMany<Self, T::WhereClause, OnDieselAsync>
    where
        T: IntoUpdateTarget<Table = Self::Table>,
    {
        DeleteMany::of(rows.into_update_target().where_clause)
    }
}

impl<M: Follow> FollowMany for M {}

/// A bulk save is executed on connections of diesel-async.
#[derive(Debug, Clone, Copy)]
pub struct OnDieselAsync;

impl<M: Follow, W, Ch> UpdateMany<M, W, Ch, OnDieselAsync> {
    /// Changes the rows, and fires the rules of each that look at what changed.
    ///
    /// # Errors
    /// As on Diesel's own connections.
    pub fn execute<C>(
        self,
        conn: &mut C,
    ) -> impl Future<Output = Result<FollowedMany, Error>> + Send
    where
        C: FollowConnection,
        M: FollowManyOn<C::Backend>,
        W: QueryFragment<C::Backend> + Send,
        Ch: QueryFragment<C::Backend> + Send,
    {
        self.run(Awaited(conn))
    }
}

impl<M: Follow, W> DeleteMany<M, W, OnDieselAsync> {
    /// Deletes the rows, and fires the rules of each that look at its end.
    ///
    /// # Errors
    /// As on Diesel's own connections.
    pub fn execute<C>(
        self,
        conn: &mut C,
    ) -> impl Future<Output = Result<FollowedMany, Error>> + Send
    where
        C: FollowConnection,
        M: FollowManyOn<C::Backend>,
        W: QueryFragment<C::Backend> + Send,
    {
        self.run(Awaited(conn))
    }
}
