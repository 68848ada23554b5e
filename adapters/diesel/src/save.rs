//! `*_and_follow`: saves in a transaction of their own.

use celerysalt::follow::{Moment, Plan};
use diesel::RunQueryDsl;
use diesel::result::{Error as DieselError, QueryResult};

use crate::backend::Lock;
use crate::connection::{FollowConnection, in_transaction};
use crate::error::Error;
use crate::model::{Changes, Follow};
use crate::on::{FollowOn, InsertOn, UpdateOn};
use crate::outbox::{DeleteIntents, InsertEvents};
use crate::plan::{self, Update};

/// Saves of a model: what fires is committed with the row, or neither is.
///
/// Outside of a transaction each save has its own; inside of one it has a savepoint. The row as it was is read under a
/// lock (`FOR UPDATE` on PostgreSQL, the write lock on SQLite), so that concurrent savers of one row take turns.
///
/// On SQLite begin your own transactions by
/// [`immediate_transaction`](diesel::SqliteConnection::immediate_transaction): one that has read before it wants to
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
        in_transaction(conn, |conn| insert::<Self, Self, C>(self, conn))
    }

    /// Writes the row's columns (those of its `AsChangeset`) and fires the rules that look at what changed; returns
    /// the row as the database holds it.
    ///
    /// The rules are merged by id: what was added, removed and edited since they were loaded is applied to what the
    /// database holds now.
    ///
    /// # Errors
    /// [`NotFound`](DieselError::NotFound) when the row is not there, and as
    /// [`insert_and_follow`](Self::insert_and_follow).
    fn update_and_follow<C>(self, conn: &mut C) -> Result<Self, Error>
    where
        C: FollowConnection,
        Self: FollowOn<C::Backend> + UpdateOn<C::Backend> + Changes<Model = Self>,
    {
        in_transaction(conn, |conn| {
            let key = self.key();
            let old =
                Self::read(key.clone(), Lock::ToChange, conn)?.ok_or(DieselError::NotFound)?;
            update(self, old, key, conn)
        })
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
        in_transaction(conn, |conn| {
            let key = self.key();
            match Self::read(key.clone(), Lock::ToChange, conn)? {
                Some(old) => update(self, old, key, conn),
                None => insert::<Self, Self, C>(self, conn),
            }
        })
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
        in_transaction(conn, |conn| delete::<Self, C>(self.key(), conn))
    }
}

impl<M: Follow> FollowSave for M {}

/// Saves of a changeset that changes a part of a model's columns; see [`FollowSave`].
///
/// Implemented by `#[derive(AsChangeset, FollowActions)] #[follow(changes = Model)]`.
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
        in_transaction(conn, |conn| {
            let old = Self::Model::read(key.clone(), Lock::ToChange, conn)?
                .ok_or(DieselError::NotFound)?;
            update(self, old, key, conn)
        })
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
        in_transaction(conn, |conn| insert::<Self, Self::Model, C>(self, conn))
    }
}

fn update<Ch, M, C>(mut changes: Ch, old: M, key: M::Key, conn: &mut C) -> Result<M, Error>
where
    C: FollowConnection,
    Ch: UpdateOn<C::Backend> + Changes<Model = M>,
    M: FollowOn<C::Backend>,
{
    let (update, rest) = Update::plan(old, &mut changes)?;
    let mut new = changes.update(key.clone(), rest, conn)?;
    let (mut plan, moment) = update.settle(&new)?;
    if let Some(rules) = plan.rules.take() {
        new = M::write_rules(key, rules.into(), conn)?;
    }
    keep(&plan, &moment, conn)?;
    Ok(new)
}

fn insert<N, M, C>(new: N, conn: &mut C) -> Result<M, Error>
where
    C: FollowConnection,
    N: InsertOn<M, C::Backend>,
    M: FollowOn<C::Backend>,
{
    let mut new = new.insert(conn)?;
    let moment = Moment::current();
    let mut plan = plan::insert(&new, &moment)?;
    if let Some(rules) = plan.rules.take() {
        new = M::write_rules(new.key(), rules.into(), conn)?;
    }
    keep(&plan, &moment, conn)?;
    Ok(new)
}

fn delete<M, C>(key: M::Key, conn: &mut C) -> Result<usize, Error>
where
    C: FollowConnection,
    M: FollowOn<C::Backend>,
{
    let Some(old) = M::read(key.clone(), Lock::ToEnd, conn)? else {
        return Ok(0);
    };
    let moment = Moment::current();
    let plan = plan::delete(&old, &moment)?;
    let deleted = M::remove(key, conn)?;
    if deleted > 0 {
        keep(&plan, &moment, conn)?;
    }
    Ok(deleted)
}

/// Keeps a plan's events in the outbox, and ends what it settles; the relay takes the events from there once the
/// transaction is committed.
fn keep<C: FollowConnection>(plan: &Plan, moment: &Moment, conn: &mut C) -> QueryResult<()> {
    for insert in InsertEvents::of(&plan.events, moment.now)? {
        insert.execute(conn)?;
    }
    if !plan.intents.is_empty() {
        DeleteIntents::of(&plan.intents).execute(conn)?;
    }
    Ok(())
}
