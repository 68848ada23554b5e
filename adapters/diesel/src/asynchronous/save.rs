//! `*_and_follow` on connections of diesel-async.

use std::future::Future;

use super::connection::{Awaited, FollowConnection};
use crate::error::Error;
use crate::flow;
use crate::model::{Changes, Follow};
use crate::on::{FollowOn, InsertOn, UpdateOn};

/// Saves of a model, as [`celerysalt_diesel::FollowSave`](crate::FollowSave) tells.
///
/// The futures are `Send`. One that is dropped before its end leaves nothing behind; see the [module](super).
pub trait FollowSave: Follow {
    /// Inserts the row and fires its rules; returns the row as the database holds it.
    ///
    /// # Errors
    /// As [`insert_and_follow`](crate::FollowSave::insert_and_follow) of Diesel's own connections.
    fn insert_and_follow<C>(self, conn: &mut C) -> impl Future<Output = Result<Self, Error>> + Send
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend> + InsertOn<Self, C::Backend>,
    {
        flow::insert(self, Awaited(conn))
    }

    /// Writes the row's columns and fires the rules that look at what changed; returns the row as the database holds
    /// it.
    ///
    /// # Errors
    /// As [`update_and_follow`](crate::FollowSave::update_and_follow) of Diesel's own connections.
    fn update_and_follow<C>(self, conn: &mut C) -> impl Future<Output = Result<Self, Error>> + Send
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend> + UpdateOn<C::Backend> + Changes<Model = Self>,
    {
        let key = self.key();
        flow::update(self, key, Awaited(conn))
    }

    /// Updates the row when it is there, else inserts it.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn save_and_follow<C>(self, conn: &mut C) -> impl Future<Output = Result<Self, Error>> + Send
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend>
            + InsertOn<Self, C::Backend>
            + UpdateOn<C::Backend>
            + Changes<Model = Self>,
    {
        let key = self.key();
        flow::save(self, key, Awaited(conn))
    }

    /// Deletes the row and fires the rules that look at its end; returns how many rows there were: 1 or 0.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn delete_and_follow<C>(self, conn: &mut C) -> impl Future<Output = Result<usize, Error>> + Send
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend>,
    {
        flow::delete::<Self, _>(self.key(), Awaited(conn))
    }
}

impl<M: Follow> FollowSave for M {}

/// Saves of a changeset that carries the key of its row, as [`celerysalt_diesel::FollowChanges`](crate::FollowChanges)
/// tells.
pub trait FollowChanges: crate::FollowChanges {
    /// Changes the row and fires the rules that look at what changed; returns the row as the database holds it.
    ///
    /// # Errors
    /// As [`update_and_follow`](crate::FollowChanges::update_and_follow) of Diesel's own connections.
    fn update_and_follow<C>(
        self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Self::Model, Error>> + Send
    where
        C: FollowConnection,
        Self: UpdateOn<C::Backend> + Send,
        Self::Model: FollowOn<C::Backend>,
    {
        let key = self.key();
        flow::update(self, key, Awaited(conn))
    }

    /// Changes the row when it is there, else inserts it.
    ///
    /// # Errors
    /// As [`save_and_follow`](crate::FollowChanges::save_and_follow) of Diesel's own connections.
    fn save_and_follow<C>(
        self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Self::Model, Error>> + Send
    where
        C: FollowConnection,
        Self: UpdateOn<C::Backend> + InsertOn<Self::Model, C::Backend> + Send,
        Self::Model: FollowOn<C::Backend>,
    {
        let key = self.key();
        flow::save(self, key, Awaited(conn))
    }

    /// Deletes the row and fires the rules that look at its end; returns how many rows there were: 1 or 0.
    ///
    /// # Errors
    /// As [`delete_and_follow`](crate::FollowChanges::delete_and_follow) of Diesel's own connections.
    fn delete_and_follow<C>(self, conn: &mut C) -> impl Future<Output = Result<usize, Error>> + Send
    where
        C: FollowConnection,
        Self::Model: FollowOn<C::Backend>,
    {
        flow::delete::<Self::Model, _>(self.key(), Awaited(conn))
    }
}

impl<Ch: crate::FollowChanges> FollowChanges for Ch {}

/// Saves of a changeset that changes a part of a model's columns; see [`FollowSave`].
pub trait FollowUpdate: Changes {
    /// Changes the row of this key and fires the rules that look at what changed; returns the row as the database
    /// holds it.
    ///
    /// # Errors
    /// As [`update_and_follow`](crate::FollowUpdate::update_and_follow) of Diesel's own connections.
    fn update_and_follow<C>(
        self,
        key: <Self::Model as Follow>::Key,
        conn: &mut C,
    ) -> impl Future<Output = Result<Self::Model, Error>> + Send
    where
        C: FollowConnection,
        Self: UpdateOn<C::Backend> + Send,
        Self::Model: FollowOn<C::Backend>,
    {
        flow::update(self, key, Awaited(conn))
    }
}

impl<Ch: crate::FollowUpdate> FollowUpdate for Ch {}

/// Saves of a new row that is not the model itself; see [`FollowSave`].
pub trait FollowInsert: crate::FollowInsert {
    /// Inserts the row and fires its rules; returns the row as the database holds it.
    ///
    /// # Errors
    /// As [`insert_and_follow`](crate::FollowInsert::insert_and_follow) of Diesel's own connections.
    fn insert_and_follow<C>(
        self,
        conn: &mut C,
    ) -> impl Future<Output = Result<Self::Model, Error>> + Send
    where
        C: FollowConnection,
        Self: InsertOn<Self::Model, C::Backend> + Send,
        Self::Model: FollowOn<C::Backend>,
    {
        flow::insert(self, Awaited(conn))
    }
}

impl<N: crate::FollowInsert> FollowInsert for N {}
