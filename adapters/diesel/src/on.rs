//! What a model, a changeset and a new row need to be able to on a database. Nothing here is implemented by hand.

use diesel::associations::HasTable;
use diesel::deserialize::FromSqlRow;
use diesel::dsl::AsSelect;
use diesel::expression::{QueryMetadata, TypedExpressionType};
use diesel::query_builder::{
    AsChangeset, AsQuery, InsertStatement, QueryFragment, QueryId, UpdateStatement,
};
use diesel::result::{OptionalExtension, QueryResult};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, SqlType};
use diesel::{Expression, Insertable, RunQueryDsl, Selectable};

use crate::backend::{FollowBackend, Lock};
use crate::column::Rules;
use crate::connection::FollowConnection;
use crate::model::{Changes, Follow};
use crate::statement::{
    DeleteRow, From, Returning, RulesSql, SelectRow, SetRules, UpdateRules, Where, WithRules,
};

/// A model that can be followed on a database: it can be selected there, and its rules written.
pub trait FollowOn<DB: FollowBackend>: Follow + Selectable<DB> {
    /// The row as it stands now, locked.
    #[doc(hidden)]
    fn read<C: FollowConnection<Backend = DB>>(
        key: Self::Key,
        lock: Lock,
        conn: &mut C,
    ) -> QueryResult<Option<Self>>;

    /// Runs a statement that writes one row, and returns it.
    #[doc(hidden)]
    fn write<Q: QueryFragment<DB>, C: FollowConnection<Backend = DB>>(
        statement: Q,
        conn: &mut C,
    ) -> QueryResult<Self>;

    /// Writes the rules column only.
    #[doc(hidden)]
    fn write_rules<C: FollowConnection<Backend = DB>>(
        key: Self::Key,
        rules: Rules,
        conn: &mut C,
    ) -> QueryResult<Self>;

    /// Deletes the row.
    #[doc(hidden)]
    fn remove<C: FollowConnection<Backend = DB>>(
        key: Self::Key,
        conn: &mut C,
    ) -> QueryResult<usize>;
}

impl<M, DB, E, ST> FollowOn<DB> for M
where
    DB: FollowBackend + HasSqlType<RulesSql<M>> + QueryMetadata<ST>,
    M: Follow + Selectable<DB, SelectExpression = E> + FromSqlRow<ST, DB>,
    E: Expression<SqlType = ST> + QueryId,
    ST: SqlType + TypedExpressionType + 'static,
    AsSelect<M, DB>: QueryFragment<DB>,
    From<M>: QueryFragment<DB>,
    Where<M>: QueryFragment<DB>,
    Rules: ToSql<RulesSql<M>, DB>,
{
    fn read<C: FollowConnection<Backend = DB>>(
        key: M::Key,
        lock: Lock,
        conn: &mut C,
    ) -> QueryResult<Option<M>> {
        SelectRow::<M, DB>::of(key, lock)
            .get_result(conn)
            .optional()
    }

    fn write<Q: QueryFragment<DB>, C: FollowConnection<Backend = DB>>(
        statement: Q,
        conn: &mut C,
    ) -> QueryResult<M> {
        Returning::<M, Q, DB>::of(statement).get_result(conn)
    }

    fn write_rules<C: FollowConnection<Backend = DB>>(
        key: M::Key,
        rules: Rules,
        conn: &mut C,
    ) -> QueryResult<M> {
        Self::write(UpdateRules::<M>::of(key, rules), conn)
    }

    fn remove<C: FollowConnection<Backend = DB>>(key: M::Key, conn: &mut C) -> QueryResult<usize> {
        DeleteRow::<M>::of(key).execute(conn)
    }
}

/// Changes that can be written to a database.
pub trait UpdateOn<DB: FollowBackend>: Changes {
    /// Changes the row of a key, and rules for which the changes have no place.
    #[doc(hidden)]
    fn update<C: FollowConnection<Backend = DB>>(
        self,
        key: <Self::Model as Follow>::Key,
        rules: Option<Rules>,
        conn: &mut C,
    ) -> QueryResult<Self::Model>;
}

impl<Ch, M, DB> UpdateOn<DB> for Ch
where
    DB: FollowBackend,
    M: FollowOn<DB>,
    Ch: Changes<Model = M> + AsChangeset<Target = M::Table>,
    UpdateStatement<M::Table, Where<M>, (Ch::Changeset, Option<SetRules<M>>)>:
        QueryFragment<DB> + AsQuery,
{
    fn update<C: FollowConnection<Backend = DB>>(
        self,
        key: M::Key,
        rules: Option<Rules>,
        conn: &mut C,
    ) -> QueryResult<M> {
        let changes = WithRules::<Ch, M>::new(self, rules);
        M::write(diesel::update(M::target(key)).set(changes), conn)
    }
}

/// A new row that can be written to a database.
pub trait InsertOn<M, DB: FollowBackend> {
    /// Inserts the row.
    #[doc(hidden)]
    fn insert<C: FollowConnection<Backend = DB>>(self, conn: &mut C) -> QueryResult<M>;
}

impl<N, M, DB> InsertOn<M, DB> for N
where
    DB: FollowBackend,
    M: FollowOn<DB>,
    M::Table: HasTable<Table = M::Table>,
    N: Insertable<M::Table>,
    InsertStatement<M::Table, N::Values>: QueryFragment<DB>,
{
    fn insert<C: FollowConnection<Backend = DB>>(self, conn: &mut C) -> QueryResult<M> {
        M::write(diesel::insert_into(M::Table::table()).values(self), conn)
    }
}
