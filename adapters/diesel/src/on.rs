//! What a model, a changeset and a new row need to be able to on a database. Nothing here is implemented by hand.

use std::future::Future;

use diesel::associations::HasTable;
use diesel::deserialize::FromSqlRow;
use diesel::dsl::AsSelect;
use diesel::expression::{QueryMetadata, TypedExpressionType};
use diesel::query_builder::{
    AsChangeset, AsQuery, InsertStatement, QueryFragment, QueryId, UpdateStatement,
};
use diesel::result::{Error as DieselError, QueryResult};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, SqlType};
use diesel::{Expression, Insertable, Selectable};

use crate::backend::{FollowBackend, Lock};
use crate::column::Rules;
use crate::error::Error;
use crate::model::{Changes, Follow};
use crate::session::Session;
use crate::statement::{
    DeleteRow, From, KeyColumn, Returning, Rows, RulesSql, SelectLast, SelectRow, SetRules,
    UpdateRules, Where, WithRules,
};
use crate::writing::{Inserts, Writing};

/// A model that can be followed on a database: it can be selected there, and its rules written.
pub trait FollowOn<DB: FollowBackend>: Follow + Selectable<DB> {
    /// The row as it stands now, locked.
    #[doc(hidden)]
    fn read<S: Session<Backend = DB>>(
        key: Self::Key,
        lock: Lock,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Option<Self>>> + Send;

    /// The row whose key the database has just made.
    #[doc(hidden)]
    fn read_last<S: Session<Backend = DB>>(
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Option<Self>>> + Send;

    /// Runs a statement that writes one row, and returns it.
    #[doc(hidden)]
    fn returned<Q, S>(
        statement: Q,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Option<Self>>> + Send
    where
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>;

    /// Runs a statement that gives rows.
    #[doc(hidden)]
    fn load<Q, S>(
        statement: Q,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>;

    /// Writes the rules column only.
    #[doc(hidden)]
    fn write_rules<S: Session<Backend = DB>>(
        key: Self::Key,
        rules: Rules,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Self>> + Send;

    /// Deletes the row.
    #[doc(hidden)]
    fn remove<S: Session<Backend = DB>>(
        key: Self::Key,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<usize>> + Send;
}

impl<M, DB, E, ST> FollowOn<DB> for M
where
    DB: FollowBackend + HasSqlType<RulesSql<M>> + QueryMetadata<ST>,
    M: Follow<Table: HasTable<Table = M::Table>>
        + Selectable<DB, SelectExpression = E>
        + FromSqlRow<ST, DB>,
    E: Expression<SqlType = ST> + QueryId + Send,
    ST: SqlType + TypedExpressionType + 'static,
    AsSelect<M, DB>: QueryFragment<DB>,
    From<M>: QueryFragment<DB> + Send,
    Where<M>: QueryFragment<DB> + Send,
    KeyColumn<M>: QueryFragment<DB> + Send,
    Rules: ToSql<RulesSql<M>, DB>,
{
    async fn read<S: Session<Backend = DB>>(
        key: M::Key,
        lock: Lock,
        session: &mut S,
    ) -> QueryResult<Option<M>> {
        let rows = session.load(SelectRow::<M, DB>::of(key, lock)).await?;
        Ok(rows.into_iter().next())
    }

    async fn read_last<S: Session<Backend = DB>>(session: &mut S) -> QueryResult<Option<M>> {
        let rows = session.load(SelectLast::<M, DB>::new()).await?;
        Ok(rows.into_iter().next())
    }

    async fn returned<Q, S>(statement: Q, session: &mut S) -> QueryResult<Option<M>>
    where
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        let rows = session.load(Returning::<M, Q, DB>::of(statement)).await?;
        Ok(rows.into_iter().next())
    }

    async fn load<Q, S>(statement: Q, session: &mut S) -> QueryResult<Vec<M>>
    where
        Q: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        session.load(Rows::<M, Q, DB>::of(statement)).await
    }

    async fn write_rules<S: Session<Backend = DB>>(
        key: M::Key,
        rules: Rules,
        session: &mut S,
    ) -> QueryResult<M> {
        let statement = UpdateRules::<M>::of(key.clone(), rules);
        let written = DB::Writing::update(statement, key, session).await?;
        written.ok_or(DieselError::NotFound)
    }

    async fn remove<S: Session<Backend = DB>>(key: M::Key, session: &mut S) -> QueryResult<usize> {
        session.execute(DeleteRow::<M>::of(key)).await
    }
}

/// Changes that can be written to a database.
pub trait UpdateOn<DB: FollowBackend>: Changes {
    /// Changes the row of a key, and rules for which the changes have no place.
    #[doc(hidden)]
    fn update<S: Session<Backend = DB>>(
        self,
        key: <Self::Model as Follow>::Key,
        rules: Option<Rules>,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Self::Model>> + Send;
}

impl<Ch, M, DB> UpdateOn<DB> for Ch
where
    DB: FollowBackend,
    M: FollowOn<DB>,
    Ch: Changes<Model = M> + AsChangeset<Target = M::Table>,
    UpdateStatement<M::Table, Where<M>, (Ch::Changeset, Option<SetRules<M>>)>:
        QueryFragment<DB> + AsQuery + Send,
{
    fn update<S: Session<Backend = DB>>(
        self,
        key: M::Key,
        rules: Option<Rules>,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<M>> + Send {
        let changes = WithRules::<Ch, M>::new(self, rules);
        let statement = diesel::update(M::target(key.clone())).set(changes);
        async move {
            let written = DB::Writing::update(statement, key, session).await?;
            written.ok_or(DieselError::NotFound)
        }
    }
}

/// A new row that can be written to a database.
pub trait InsertOn<M, DB: FollowBackend> {
    /// Inserts the row.
    #[doc(hidden)]
    fn insert<S: Session<Backend = DB>>(
        self,
        session: &mut S,
    ) -> impl Future<Output = Result<M, Error>> + Send;
}

impl<N, M, DB> InsertOn<M, DB> for N
where
    DB: FollowBackend<Writing: Inserts<N, M>>,
    M: FollowOn<DB>,
    M::Table: HasTable<Table = M::Table>,
    N: Insertable<M::Table>,
    InsertStatement<M::Table, N::Values>: QueryFragment<DB> + Send,
{
    fn insert<S: Session<Backend = DB>>(
        self,
        session: &mut S,
    ) -> impl Future<Output = Result<M, Error>> + Send {
        let key = <DB::Writing as Inserts<N, M>>::key(&self);
        let statement = diesel::insert_into(M::Table::table()).values(self);
        DB::Writing::insert(statement, key, session)
    }
}
