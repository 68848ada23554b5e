//! Connections of diesel-async.

use std::future::Future;

use celerysalt_migrations::check::{Column, Question};
use diesel::deserialize::FromSqlRow;
use diesel::dsl::AsSelect;
use diesel::expression::{QueryMetadata, TypedExpressionType};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::SqlType;
use diesel::{Expression, Selectable};
use diesel_async::{AsyncConnection, RunQueryDsl, TransactionManager};

use crate::backend::FollowBackend;
use crate::session::Session;
use crate::tables::Asked;

/// A connection on which saves are followed: `AsyncPgConnection`, `AsyncMysqlConnection`,
/// `SyncConnectionWrapper<SqliteConnection>`, and (features `async-bb8`, `async-deadpool`) pooled ones; from another
/// pool hand over `&mut *pooled`.
#[diagnostic::on_unimplemented(
    message = "async saves on `{Self}` are not followed",
    note = "turn on the feature `async-postgres`, `async-mysql`, `async-sqlite`, `async-bb8` or `async-deadpool` of \
            celerysalt-diesel for your connection; of another pool's object take the connection: `&mut *conn`",
    note = "the traits for Diesel's own connections are those of `celerysalt_diesel`"
)]
pub trait FollowConnection: AsyncConnection<Backend: FollowBackend> {
    /// Begins a transaction of its own in which nobody else changes what is read.
    #[doc(hidden)]
    fn begin_save(&mut self) -> impl Future<Output = QueryResult<()>> + Send {
        Self::TransactionManager::begin_transaction(self)
    }

    /// Makes the connection refuse to begin and to commit.
    #[doc(hidden)]
    fn give_up(&mut self) {
        Self::TransactionManager::transaction_manager_status_mut(self).set_in_error();
    }
}

#[cfg(feature = "async-postgres")]
impl FollowConnection for diesel_async::AsyncPgConnection {}

#[cfg(feature = "async-mysql")]
impl FollowConnection for diesel_async::AsyncMysqlConnection {}

#[cfg(feature = "async-sqlite")]
impl FollowConnection
    for diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection>
{
    async fn begin_save(&mut self) -> QueryResult<()> {
        self.spawn_blocking(crate::FollowConnection::begin_save)
            .await
    }

    /// A panic may leave a statement running, and a look at the connection then would panic again. It is in a
    /// transaction still, so that a pool throws it away.
    fn give_up(&mut self) {
        if !std::thread::panicking() {
            <Self as AsyncConnection>::TransactionManager::transaction_manager_status_mut(self)
                .set_in_error();
        }
    }
}

/// The session of a connection of diesel-async.
pub(super) struct Awaited<'c, C>(pub(super) &'c mut C);

impl<C: FollowConnection> Session for Awaited<'_, C> {
    type Backend = C::Backend;

    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        let status = C::TransactionManager::transaction_manager_status_mut(self.0);
        Ok(status.transaction_depth()?.is_some())
    }

    async fn begin(&mut self) -> QueryResult<()> {
        self.0.begin_save().await
    }

    async fn begin_savepoint(&mut self) -> QueryResult<()> {
        C::TransactionManager::begin_transaction(self.0).await
    }

    async fn commit(&mut self) -> QueryResult<()> {
        C::TransactionManager::commit_transaction(self.0).await
    }

    async fn roll_back(&mut self) -> QueryResult<()> {
        C::TransactionManager::rollback_transaction(self.0).await
    }

    fn give_up(&mut self) {
        self.0.give_up();
    }

    async fn batch(&mut self, sql: &str) -> QueryResult<()> {
        self.0.batch_execute(sql).await
    }

    async fn execute<Q>(&mut self, statement: Q) -> QueryResult<usize>
    where
        Q: QueryFragment<C::Backend> + QueryId + Send,
    {
        RunQueryDsl::execute(statement, self.0).await
    }

    async fn columns(&mut self, question: &Question) -> QueryResult<Vec<Column>> {
        let rows =
            RunQueryDsl::load::<<C::Backend as FollowBackend>::CatalogRow>(Asked(question), self.0);
        Ok(rows.await?.into_iter().map(Into::into).collect())
    }

    async fn load<M, E, ST, Q>(&mut self, query: Q) -> QueryResult<Vec<M>>
    where
        M: Selectable<C::Backend, SelectExpression = E>
            + FromSqlRow<ST, C::Backend>
            + Send
            + 'static,
        E: Expression<SqlType = ST> + QueryId,
        ST: SqlType + TypedExpressionType + 'static,
        Q: Query<SqlType = AsSelect<M, C::Backend>> + QueryFragment<C::Backend> + QueryId + Send,
        C::Backend: QueryMetadata<AsSelect<M, C::Backend>>,
    {
        RunQueryDsl::load::<M>(query, self.0).await
    }
}
