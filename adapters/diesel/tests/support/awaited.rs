// Included by the modules of diesel-async: its connections and saves as the cases call them, which are not async.

use std::sync::LazyLock;

use celerysalt::inbox::{Once, Receipt};
use celerysalt_diesel::asynchronous::{self, OnDieselAsync};
use celerysalt_diesel::{
    Changes, CheckError, CheckTables, DeleteMany, Error, Follow, FollowManyOn, FollowOn, FollowedMany, InsertOn, SetNotCalled, UpdateMany, UpdateOn,
};
use diesel::query_builder::{AsChangeset, IntoUpdateTarget, QueryFragment};
use tokio::runtime::Runtime;

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn establish(url: &str) -> ConnectionResult<Conn> {
    let _entered = RUNTIME.enter();
    Conn::establish(url)
}

/// A transaction as the caller begins it.
pub fn transaction<R>(
    conn: &mut Conn,
    run: impl FnOnce(&mut Conn) -> Result<R, Error>,
) -> Result<R, Error> {
    conn.transaction(run)
}

/// Events of one's own.
pub fn append_in(conn: &mut Conn, events: &[celerysalt::event::Envelope]) -> QueryResult<()> {
    RUNTIME.block_on(asynchronous::append_in(&mut **conn, events, chrono::Utc::now()))
}

/// A handler that inserts an order, once; `end` is how its work ends.
pub fn insert_once(receipt: &Receipt, conn: &mut Conn, end: impl FnOnce() -> Result<(), Error>) -> Result<Once<i32>, Error> {
    RUNTIME.block_on(asynchronous::once(receipt, &mut **conn, async |conn| {
        let order = new_order("handled", vec![created()]);
        let order = asynchronous::FollowInsert::insert_and_follow(order, conn).await?;
        end().map(|()| order.id)
    }))
}

/// The check at start.
pub fn check_tables<M>(conn: &mut Conn) -> Result<(), CheckError>
where
    Db: CheckTables<M>,
{
    RUNTIME.block_on(asynchronous::check_tables::<M>(&mut **conn))
}

/// The async saves of a model.
pub trait FollowSave: asynchronous::FollowSave {
    fn insert_and_follow(self, conn: &mut Conn) -> Result<Self, Error>
    where
        Self: FollowOn<Db> + InsertOn<Self, Db>,
    {
        RUNTIME.block_on(asynchronous::FollowSave::insert_and_follow(self, &mut **conn))
    }

    fn update_and_follow(self, conn: &mut Conn) -> Result<Self, Error>
    where
        Self: FollowOn<Db> + UpdateOn<Db> + Changes<Model = Self>,
    {
        RUNTIME.block_on(asynchronous::FollowSave::update_and_follow(self, &mut **conn))
    }

    fn save_and_follow(self, conn: &mut Conn) -> Result<Self, Error>
    where
        Self: FollowOn<Db> + InsertOn<Self, Db> + UpdateOn<Db> + Changes<Model = Self>,
    {
        RUNTIME.block_on(asynchronous::FollowSave::save_and_follow(self, &mut **conn))
    }

    fn delete_and_follow(self, conn: &mut Conn) -> Result<usize, Error>
    where
        Self: FollowOn<Db>,
    {
        RUNTIME.block_on(asynchronous::FollowSave::delete_and_follow(self, &mut **conn))
    }
}

impl<M: Follow> FollowSave for M {}

/// The async saves of a changeset that has its key.
pub trait FollowChanges: celerysalt_diesel::FollowChanges {
    fn update_and_follow(self, conn: &mut Conn) -> Result<Self::Model, Error>
    where
        Self: UpdateOn<Db> + Send,
        Self::Model: FollowOn<Db>,
    {
        RUNTIME.block_on(asynchronous::FollowChanges::update_and_follow(self, &mut **conn))
    }

    fn save_and_follow(self, conn: &mut Conn) -> Result<Self::Model, Error>
    where
        Self: UpdateOn<Db> + InsertOn<Self::Model, Db> + Send,
        Self::Model: FollowOn<Db>,
    {
        RUNTIME.block_on(asynchronous::FollowChanges::save_and_follow(self, &mut **conn))
    }

    fn delete_and_follow(self, conn: &mut Conn) -> Result<usize, Error>
    where
        Self::Model: FollowOn<Db>,
    {
        RUNTIME.block_on(asynchronous::FollowChanges::delete_and_follow(self, &mut **conn))
    }
}

impl<Ch: celerysalt_diesel::FollowChanges> FollowChanges for Ch {}

/// The async saves of a changeset.
pub trait FollowUpdate: celerysalt_diesel::FollowUpdate {
    fn update_and_follow(
        self,
        key: <Self::Model as Follow>::Key,
        conn: &mut Conn,
    ) -> Result<Self::Model, Error>
    where
        Self: UpdateOn<Db> + Send,
        Self::Model: FollowOn<Db>,
    {
        RUNTIME.block_on(asynchronous::FollowUpdate::update_and_follow(self, key, &mut **conn))
    }
}

impl<Ch: celerysalt_diesel::FollowUpdate> FollowUpdate for Ch {}

/// The async saves of a new row.
pub trait FollowInsert: celerysalt_diesel::FollowInsert {
    fn insert_and_follow(self, conn: &mut Conn) -> Result<Self::Model, Error>
    where
        Self: InsertOn<Self::Model, Db> + Send,
        Self::Model: FollowOn<Db>,
    {
        RUNTIME.block_on(asynchronous::FollowInsert::insert_and_follow(self, &mut **conn))
    }
}

impl<N: celerysalt_diesel::FollowInsert> FollowInsert for N {}

/// The async bulk saves of a model.
pub trait FollowMany: Follow {
    fn follow_update_many<T>(rows: T) -> Many<UpdateMany<Self, T::WhereClause, SetNotCalled, OnDieselAsync>>
    where
        T: IntoUpdateTarget<Table = Self::Table>,
    {
        Many(asynchronous::FollowMany::follow_update_many(rows))
    }

    fn follow_delete_many<T>(rows: T) -> Many<DeleteMany<Self, T::WhereClause, OnDieselAsync>>
    where
        T: IntoUpdateTarget<Table = Self::Table>,
    {
        Many(asynchronous::FollowMany::follow_delete_many(rows))
    }
}

impl<M: Follow> FollowMany for M {}

/// A bulk save that is awaited.
pub struct Many<S>(S);

impl<M: Follow, W> Many<UpdateMany<M, W, SetNotCalled, OnDieselAsync>> {
    pub fn set<V>(self, changes: V) -> Many<UpdateMany<M, W, V::Changeset, OnDieselAsync>>
    where
        V: AsChangeset<Target = M::Table>,
    {
        Many(self.0.set(changes))
    }
}

impl<M: Follow, W, Ch> Many<UpdateMany<M, W, Ch, OnDieselAsync>> {
    pub fn chunk_size(self, rows: usize) -> Self {
        Self(self.0.chunk_size(rows))
    }

    pub fn execute(self, conn: &mut Conn) -> Result<FollowedMany, Error>
    where
        M: FollowManyOn<Db>,
        W: QueryFragment<Db> + Send,
        Ch: QueryFragment<Db> + Send,
    {
        RUNTIME.block_on(self.0.execute(&mut **conn))
    }
}

impl<M: Follow, W> Many<DeleteMany<M, W, OnDieselAsync>> {
    pub fn chunk_size(self, rows: usize) -> Self {
        Self(self.0.chunk_size(rows))
    }

    pub fn execute(self, conn: &mut Conn) -> Result<FollowedMany, Error>
    where
        M: FollowManyOn<Db>,
        W: QueryFragment<Db> + Send,
    {
        RUNTIME.block_on(self.0.execute(&mut **conn))
    }
}
