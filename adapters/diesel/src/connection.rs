//! Diesel's own connections: a save blocks the thread.

use celerysalt_migrations::check::{Column, Question};
use diesel::connection::{LoadConnection, TransactionManager};
use diesel::deserialize::FromSqlRow;
use diesel::dsl::AsSelect;
use diesel::expression::{QueryMetadata, TypedExpressionType};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{Error as DieselError, QueryResult};
use diesel::sql_types::SqlType;
use diesel::{Expression, Selectable};

use crate::backend::FollowBackend;
use crate::session::Session;
use crate::tables::Asked;

/// A connection on which saves are followed: `SqliteConnection`, `PgConnection`, `MysqlConnection`, and (feature
/// `r2d2`) pooled ones.
#[diagnostic::on_unimplemented(
    message = "saves on `{Self}` are not followed",
    note = "turn on the feature `sqlite`, `postgres`, `mysql` or `r2d2` of celerysalt-diesel for your connection",
    note = "the traits for connections of diesel-async are those of `celerysalt_diesel::asynchronous`"
)]
pub trait FollowConnection: LoadConnection<Backend: FollowBackend> {
    /// Begins a transaction of its own in which nobody else changes what is read.
    #[doc(hidden)]
    fn begin_save(&mut self) -> QueryResult<()> {
        Self::TransactionManager::begin_transaction(self)
    }
}

#[cfg(feature = "postgres")]
impl FollowConnection for diesel::PgConnection {}

#[cfg(feature = "mysql")]
impl FollowConnection for diesel::MysqlConnection {}

#[cfg(feature = "sqlite")]
impl FollowConnection for diesel::SqliteConnection {
    /// The write lock comes first, so that a reader does not find out too late that it may not write.
    fn begin_save(&mut self) -> QueryResult<()> {
        diesel::connection::AnsiTransactionManager::begin_transaction_sql(self, "BEGIN IMMEDIATE")
    }
}

#[cfg(feature = "r2d2")]
impl<M> FollowConnection for diesel::r2d2::PooledConnection<M>
where
    M: diesel::r2d2::ManageConnection,
    M::Connection: FollowConnection + diesel::r2d2::R2D2Connection,
    Self: LoadConnection<Backend: FollowBackend>,
{
    fn begin_save(&mut self) -> QueryResult<()> {
        (**self).begin_save()
    }
}

/// The session of a connection that blocks: no step's future ever waits.
pub(crate) struct Blocking<'c, C>(pub(crate) &'c mut C);

impl<C: FollowConnection> Session for Blocking<'_, C> {
    type Backend = C::Backend;

    fn is_in_transaction(&mut self) -> QueryResult<bool> {
        let status = C::TransactionManager::transaction_manager_status_mut(self.0);
        Ok(status.transaction_depth()?.is_some())
    }

    async fn begin(&mut self) -> QueryResult<()> {
        self.0.begin_save()
    }

    async fn begin_savepoint(&mut self) -> QueryResult<()> {
        C::TransactionManager::begin_transaction(self.0)
    }

    async fn commit(&mut self) -> QueryResult<()> {
        C::TransactionManager::commit_transaction(self.0)
    }

    async fn roll_back(&mut self) -> QueryResult<()> {
        C::TransactionManager::rollback_transaction(self.0)
    }

    fn give_up(&mut self) {
        C::TransactionManager::transaction_manager_status_mut(self.0).set_in_error();
    }

    async fn batch(&mut self, sql: &str) -> QueryResult<()> {
        self.0.batch_execute(sql)
    }

    async fn execute<Q>(&mut self, statement: Q) -> QueryResult<usize>
    where
        Q: QueryFragment<C::Backend> + QueryId + Send,
    {
        self.0.execute_returning_count(&statement)
    }

    async fn columns(&mut self, question: &Question) -> QueryResult<Vec<Column>> {
        let rows = self.0.load(Asked(question))?;
        let column = |row| {
            let row = <C::Backend as FollowBackend>::CatalogRow::build_from_row(&row?);
            row.map(Into::into)
                .map_err(DieselError::DeserializationError)
        };
        rows.map(column).collect()
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
        let rows = self.0.load(query)?;
        rows.map(|row| M::build_from_row(&row?).map_err(DieselError::DeserializationError))
            .collect()
    }
}
