//! `follow_update_many` and `follow_delete_many`: many rows in one transaction, chunk by chunk.

mod key;
mod on;
mod refuse;
mod run;
mod statement;

use std::marker::PhantomData;

use celerysalt::follow::FollowedMany;
use diesel::query_builder::{AsChangeset, IntoUpdateTarget, QueryFragment};

use crate::backend::Lock;
use crate::connection::{Blocking, FollowConnection};
use crate::error::Error;
use crate::model::Follow;
use crate::session::{Session, now};

pub use key::KeySql;
pub use on::FollowManyOn;

/// How many rows are locked, read and written at once, unless told.
const CHUNK: usize = 500;
/// SQLite takes 32,766 parameters a statement; a key has up to eight columns, and appears twice.
const LARGEST_CHUNK: usize = 1_000;

/// Saves of many rows of a model: what Diesel's `update` and `delete` do, with rules followed row by row.
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
/// # #[cfg(feature = "sqlite")]
/// fn expire(conn: &mut SqliteConnection) -> Result<(), celerysalt_diesel::Error> {
///     use celerysalt_diesel::FollowMany;
///
///     let pending = orders::table.filter(orders::status.eq("pending"));
///     let expired = Order::follow_update_many(pending)
///         .set(orders::status.eq("expired"))
///         .execute(conn)?;
///     println!("{} orders expired, {} events fired", expired.rows_affected, expired.events);
///     Order::follow_delete_many(orders::table.filter(orders::status.eq("expired"))).execute(conn)?;
///     Ok(())
/// }
/// ```
///
/// All of it is one transaction, or a savepoint in yours; an error in any chunk undoes all. The rows are visited in the
/// order of their primary key, each once, whatever the update does to the filter's answer; a chunk is locked, read,
/// written and followed, and its events go to the outbox in one insert, before the next is read. So memory is bounded by
/// the chunk, and locks are held from their chunk to the end of the transaction.
///
/// The filter is asked anew for each chunk: one that looks at other rows of the table sees what earlier chunks made of
/// them. Rows inserted meanwhile may or may not be visited.
pub trait FollowMany: Follow {
    /// Changes the rows of a table or a filtered query; [`UpdateMany::set`] says how.
    fn follow_update_many<T>(rows: T) -> UpdateMany<Self, T::WhereClause>
    where
        T: IntoUpdateTarget<Table = Self::Table>,
    {
        UpdateMany::of(rows.into_update_target().where_clause)
    }

    /// Deletes the rows of a table or a filtered query.
    fn follow_delete_many<T>(rows: T) -> DeleteMany<Self, T::WhereClause>
    where
        T: IntoUpdateTarget<Table = Self::Table>,
    {
        DeleteMany::of(rows.into_update_target().where_clause)
    }
}

impl<M: Follow> FollowMany for M {}

/// An update of many rows; see [`FollowMany`].
#[must_use = "nothing is changed before `execute`"]
pub struct UpdateMany<M, W, Ch = SetNotCalled, On = OnDiesel> {
    rows: Selected<W>,
    changes: Ch,
    of: PhantomData<fn() -> (M, On)>,
}

/// A delete of many rows; see [`FollowMany`].
#[must_use = "nothing is deleted before `execute`"]
pub struct DeleteMany<M, W, On = OnDiesel> {
    rows: Selected<W>,
    of: PhantomData<fn() -> (M, On)>,
}

/// [`UpdateMany::set`] has not said yet what changes.
#[derive(Debug, Clone, Copy)]
pub struct SetNotCalled;

/// A bulk save is executed on Diesel's own connections.
#[derive(Debug, Clone, Copy)]
pub struct OnDiesel;

impl<M: Follow, W, On> UpdateMany<M, W, SetNotCalled, On> {
    pub(crate) fn of(filter: W) -> Self {
        Self {
            rows: Selected::by(filter),
            changes: SetNotCalled,
            of: PhantomData,
        }
    }

    /// What changes, as for Diesel's `set`: assignments, whose right sides the database computes row by row
    /// (`amount.eq(amount * 2)`), a tuple of them, or a changeset.
    ///
    /// A column of the primary key and the rules column cannot be set.
    pub fn set<V>(self, changes: V) -> UpdateMany<M, W, V::Changeset, On>
    where
        V: AsChangeset<Target = M::Table>,
    {
        UpdateMany {
            rows: self.rows,
            changes: changes.as_changeset(),
            of: PhantomData,
        }
    }
}

impl<M: Follow, W, Ch, On> UpdateMany<M, W, Ch, On> {
    /// How many rows are locked, read and written at once: 500 unless told, 1 to 1,000.
    pub fn chunk_size(mut self, rows: usize) -> Self {
        self.rows.chunk = rows.clamp(1, LARGEST_CHUNK);
        self
    }

    pub(crate) async fn run<S>(self, session: S) -> Result<FollowedMany, Error>
    where
        S: Session,
        M: FollowManyOn<S::Backend>,
        W: QueryFragment<S::Backend> + Send,
        Ch: QueryFragment<S::Backend> + Send,
    {
        refuse::keys_and_rules::<M, S::Backend, Ch>(&self.changes)?;
        run::update::<M, W, Ch, S>(self.rows, self.changes, session).await
    }
}

impl<M: Follow, W, Ch> UpdateMany<M, W, Ch> {
    /// Changes the rows, and fires the rules of each that look at what changed.
    ///
    /// # Errors
    /// The database's own; [`Error::Follow`] where it is refused. Nothing is changed then.
    pub fn execute<C>(self, conn: &mut C) -> Result<FollowedMany, Error>
    where
        C: FollowConnection,
        M: FollowManyOn<C::Backend>,
        W: QueryFragment<C::Backend> + Send,
        Ch: QueryFragment<C::Backend> + Send,
    {
        now(self.run(Blocking(conn)))
    }
}

impl<M: Follow, W, On> DeleteMany<M, W, On> {
    pub(crate) fn of(filter: W) -> Self {
        Self {
            rows: Selected::by(filter),
            of: PhantomData,
        }
    }

    /// How many rows are locked, read and deleted at once: 500 unless told, 1 to 1,000.
    pub fn chunk_size(mut self, rows: usize) -> Self {
        self.rows.chunk = rows.clamp(1, LARGEST_CHUNK);
        self
    }

    pub(crate) async fn run<S>(self, session: S) -> Result<FollowedMany, Error>
    where
        S: Session,
        M: FollowManyOn<S::Backend>,
        W: QueryFragment<S::Backend> + Send,
    {
        run::delete::<M, W, S>(self.rows, session).await
    }
}

impl<M: Follow, W> DeleteMany<M, W> {
    /// Deletes the rows, and fires the rules of each that look at its end.
    ///
    /// # Errors
    /// The database's own; [`Error::Follow`] where it is refused. Nothing is deleted then.
    pub fn execute<C>(self, conn: &mut C) -> Result<FollowedMany, Error>
    where
        C: FollowConnection,
        M: FollowManyOn<C::Backend>,
        W: QueryFragment<C::Backend> + Send,
    {
        now(self.run(Blocking(conn)))
    }
}

/// The rows that are meant, and how many of them are taken at once.
struct Selected<W> {
    filter: W,
    chunk: usize,
}

impl<W> Selected<W> {
    fn by(filter: W) -> Self {
        Self {
            filter,
            chunk: CHUNK,
        }
    }
}

/// Which of them are next.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a, Key> {
    /// The last one of the chunk before.
    after: Option<&'a Key>,
    is_filtered: bool,
    limit: usize,
    lock: Lock,
}
