//! `*_and_follow`: saves in a transaction of their own.

use crate::connection::{Blocking, FollowConnection};
use crate::error::Error;
use crate::flow;
use crate::model::{Changes, Follow};
use crate::on::{FollowOn, InsertOn, UpdateOn};
use crate::session::now;

/// Saves of a model: what fires is committed with the row, or neither is.
///
/// Outside of a transaction each save has its own; inside of one it has a savepoint. The row as it was is read under a
/// lock (`FOR UPDATE` on PostgreSQL and MySQL, the write lock on SQLite), so that concurrent savers of one row take turns.
///
/// A save that fires wakes the relay of this process when it has committed. As a savepoint in your transaction it cannot
/// know when that commits: call [`celerysalt::outbox::wake`] then, where the relay should not wait for its next poll
/// (SQLite and MySQL; PostgreSQL tells the relay).
///
/// On SQLite begin your own transactions by Diesel's `SqliteConnection::immediate_transaction`: one that has read before it wants to
/// write may be refused by SQLite (`database is locked`) where others write meanwhile.
pub trait FollowSave: Follow {
    /// Inserts the row and fires its rules; returns the row as the database holds it.
    ///
    /// # Errors
    /// The database's own; [`Error::Follow`] where the save is refused.
    fn insert_and_follow<C>(self, conn: &mut C) -> Result<Self, Error>
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend> + InsertOn<Self, C::Backend>,
    {
        now(flow::insert(self, Blocking(conn)))
    }

    /// Writes the row's columns (those of its `AsChangeset`) and fires the rules that look at what changed; returns
    /// the row as the database holds it.
    ///
    /// The rules are merged by id: what was added, removed and edited since they were loaded is applied to what the
    /// database holds now.
    ///
    /// # Errors
    /// [`NotFound`](diesel::result::Error::NotFound) when the row is not there, and as
    /// [`insert_and_follow`](Self::insert_and_follow).
    fn update_and_follow<C>(self, conn: &mut C) -> Result<Self, Error>
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend> + UpdateOn<C::Backend> + Changes<Model = Self>,
    {
        let key = self.key();
        now(flow::update(self, key, Blocking(conn)))
    }

    /// Updates the row when it is there, else inserts it.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn save_and_follow<C>(self, conn: &mut C) -> Result<Self, Error>
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend>
            + InsertOn<Self, C::Backend>
            + UpdateOn<C::Backend>
            + Changes<Model = Self>,
    {
        let key = self.key();
        now(flow::save(self, key, Blocking(conn)))
    }

    /// Deletes the row and fires the rules that look at its end; returns how many rows there were: 1 or 0.
    ///
    /// # Errors
    /// As [`insert_and_follow`](Self::insert_and_follow).
    fn delete_and_follow<C>(self, conn: &mut C) -> Result<usize, Error>
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend>,
    {
        now(flow::delete::<Self, _>(self.key(), Blocking(conn)))
    }
}

impl<M: Follow> FollowSave for M {}

/// Saves of a changeset that changes a part of a model's columns and carries the key of its row, as Diesel's
/// [`SaveChangesDsl`](diesel::SaveChangesDsl) asks; see [`FollowSave`].
///
/// Implemented by `#[derive(AsChangeset, FollowActions)] #[follow(changes = Model)]` for a struct with a field for each
/// column of the primary key, none of them an `Option`. (One without the key is told it: [`FollowUpdate`].) Where the
/// struct is marked `#[follow(inserts = Model)]` too, it can be inserted: [`FollowInsert`].
///
/// ```
/// # use celerysalt_diesel::{FollowActions, Rules};
/// # use diesel::prelude::*;
/// # diesel::table! {
/// #     orders (id) {
/// #         id -> BigInt,
/// #         status -> Text,
/// #         on_change_rules -> Text,
/// #     }
/// # }
/// # #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
/// # #[diesel(table_name = orders)]
/// # struct Order {
/// #     id: i64,
/// #     status: String,
/// #     on_change_rules: Rules,
/// # }
/// #[derive(Identifiable, AsChangeset, FollowActions)]
/// #[diesel(table_name = orders)]
/// #[follow(changes = Order)]
/// struct Shipment {
///     id: i64,
///     status: String,
/// }
///
/// # #[cfg(feature = "sqlite")]
/// fn ship(id: i64, conn: &mut SqliteConnection) -> Result<Order, celerysalt_diesel::Error> {
///     use celerysalt_diesel::FollowChanges;
///
///     Shipment { id, status: "shipped".into() }.update_and_follow(conn)
/// }
/// ```
pub trait FollowChanges: Changes {
    /// The key of the row.
    fn key(&self) -> <Self::Model as Follow>::Key;

    /// Changes the row and fires the rules that look at what changed; returns the row as the database holds it.
    ///
    /// # Errors
    /// As [`FollowSave::update_and_follow`]; Diesel's own when there is nothing to change.
    fn update_and_follow<C>(self, conn: &mut C) -> Result<Self::Model, Error>
    where
        C: FollowConnection,
        Self: UpdateOn<C::Backend>,
        Self::Model: FollowOn<C::Backend>,
    {
        let key = self.key();
        now(flow::update(self, key, Blocking(conn)))
    }

    /// Changes the row when it is there, else inserts it.
    ///
    /// # Errors
    /// As [`FollowSave::save_and_follow`].
    fn save_and_follow<C>(self, conn: &mut C) -> Result<Self::Model, Error>
    where
        C: FollowConnection,
        Self: UpdateOn<C::Backend> + InsertOn<Self::Model, C::Backend>,
        Self::Model: FollowOn<C::Backend>,
    {
        let key = self.key();
        now(flow::save(self, key, Blocking(conn)))
    }

    /// Deletes the row and fires the rules that look at its end; returns how many rows there were: 1 or 0.
    ///
    /// # Errors
    /// As [`FollowSave::delete_and_follow`].
    fn delete_and_follow<C>(self, conn: &mut C) -> Result<usize, Error>
    where
        C: FollowConnection,
        Self::Model: FollowOn<C::Backend>,
    {
        now(flow::delete::<Self::Model, _>(self.key(), Blocking(conn)))
    }
}

/// Saves of a changeset that changes a part of a model's columns, of a row that it does not name; see [`FollowSave`].
///
/// Implemented by `#[derive(AsChangeset, FollowActions)] #[follow(changes = Model)]` for a struct without the primary key.
/// (One that has it is [`FollowChanges`].)
pub trait FollowUpdate: Changes {
    /// Changes the row of this key and fires the rules that look at what changed; returns the row as the database
    /// holds it.
    ///
    /// # Errors
    /// As [`FollowSave::update_and_follow`]; Diesel's own when there is nothing to change.
    fn update_and_follow<C>(
        self,
        key: <Self::Model as Follow>::Key,
        conn: &mut C,
    ) -> Result<Self::Model, Error>
    where
        C: FollowConnection,
        Self: UpdateOn<C::Backend>,
        Self::Model: FollowOn<C::Backend>,
    {
        now(flow::update(self, key, Blocking(conn)))
    }
}

/// Saves of a new row that is not the model itself, since the database makes its key or its defaults; see
/// [`FollowSave`].
///
/// Implemented by `#[derive(Insertable, FollowActions)] #[follow(inserts = Model)]`.
pub trait FollowInsert: Sized {
    /// The model.
    type Model: Follow;

    /// Inserts the row and fires its rules; returns the row as the database holds it.
    ///
    /// # Errors
    /// As [`FollowSave::insert_and_follow`].
    fn insert_and_follow<C>(self, conn: &mut C) -> Result<Self::Model, Error>
    where
        C: FollowConnection,
        Self: InsertOn<Self::Model, C::Backend>,
        Self::Model: FollowOn<C::Backend>,
    {
        now(flow::insert(self, Blocking(conn)))
    }
}
