//! The statements of a save: the caller's own, with what Diesel's builder has no generic words for.

use std::fmt::Write;
use std::marker::PhantomData;

use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::dsl::AsSelect;
use diesel::expression::SelectableHelper;
use diesel::query_builder::{
    AsChangeset, AstPass, IntoUpdateTarget, Query, QueryFragment, QueryId, debug_query,
};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;
use diesel::{Column, Expression, QuerySource, Selectable, Table};

use crate::backend::{FollowBackend, Lock};
use crate::column::Rules;
use crate::model::Follow;

/// The `WHERE` of one row.
pub(crate) type Where<M> = <<M as Follow>::Target as IntoUpdateTarget>::WhereClause;
/// The table, as it stands behind `FROM`.
pub(crate) type From<M> = <<M as Follow>::Table as QuerySource>::FromClause;
/// The SQL type of the rules column.
pub(crate) type RulesSql<M> = <<M as Follow>::RulesColumn as Expression>::SqlType;

/// The primary key's column.
pub(crate) type KeyColumn<M> = <<M as Follow>::Table as Table>::PrimaryKey;

/// A part of a statement as the database gets it, without the values; empty where it is none.
pub(crate) fn sql<DB, Q>(part: &Q) -> String
where
    DB: Backend + Default,
    DB::QueryBuilder: Default,
    Q: QueryFragment<DB>,
{
    let mut sql = String::new();
    // What cannot be written is the statement's own to report.
    let _ = write!(sql, "{}", debug_query::<DB, _>(part));
    if let Some(values) = sql.find(" -- binds: ") {
        sql.truncate(values);
    }
    sql
}

/// One row of a model, in a place of SQL.
struct One<M: Follow> {
    table: From<M>,
    filter: Where<M>,
}

impl<M: Follow> One<M> {
    fn of(key: M::Key) -> Self {
        let target = M::target(key).into_update_target();
        Self {
            table: target.table.from_clause(),
            filter: target.where_clause,
        }
    }
}

/// `SELECT … WHERE key = … FOR …`
pub(crate) struct SelectRow<M: Follow + Selectable<DB>, DB: Backend> {
    columns: AsSelect<M, DB>,
    row: One<M>,
    lock: Lock,
}

impl<M: Follow + Selectable<DB>, DB: Backend> SelectRow<M, DB> {
    pub(crate) fn of(key: M::Key, lock: Lock) -> Self {
        Self {
            columns: M::as_select(),
            row: One::of(key),
            lock,
        }
    }
}

impl<M, DB> QueryFragment<DB> for SelectRow<M, DB>
where
    M: Follow + Selectable<DB>,
    DB: FollowBackend,
    AsSelect<M, DB>: QueryFragment<DB>,
    From<M>: QueryFragment<DB>,
    Where<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.row.table.walk_ast(out.reborrow())?;
        self.row.filter.walk_ast(out.reborrow())?;
        DB::push_lock(out, self.lock);
        Ok(())
    }
}

/// `SELECT … WHERE key = LAST_INSERT_ID() FOR …`: the row that this connection inserted last.
pub(crate) struct SelectLast<M: Follow + Selectable<DB>, DB: Backend> {
    columns: AsSelect<M, DB>,
    table: From<M>,
    key: KeyColumn<M>,
}

impl<M, DB> SelectLast<M, DB>
where
    M: Follow<Table: HasTable<Table = M::Table>> + Selectable<DB>,
    DB: Backend,
{
    pub(crate) fn new() -> Self {
        let table = M::Table::table();
        Self {
            columns: M::as_select(),
            key: table.primary_key(),
            table: table.from_clause(),
        }
    }
}

impl<M, DB> QueryFragment<DB> for SelectLast<M, DB>
where
    M: Follow + Selectable<DB>,
    DB: FollowBackend,
    AsSelect<M, DB>: QueryFragment<DB>,
    From<M>: QueryFragment<DB>,
    KeyColumn<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(" = LAST_INSERT_ID()");
        DB::push_lock(out, Lock::ToChange);
        Ok(())
    }
}

/// `DELETE FROM … WHERE key = …`
pub(crate) struct DeleteRow<M: Follow>(One<M>);

impl<M: Follow> DeleteRow<M> {
    pub(crate) fn of(key: M::Key) -> Self {
        Self(One::of(key))
    }
}

impl<M, DB> QueryFragment<DB> for DeleteRow<M>
where
    M: Follow,
    DB: Backend,
    From<M>: QueryFragment<DB>,
    Where<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.0.table.walk_ast(out.reborrow())?;
        self.0.filter.walk_ast(out.reborrow())
    }
}

/// `UPDATE … SET rules = … WHERE key = …`
pub(crate) struct UpdateRules<M: Follow> {
    row: One<M>,
    rules: SetRules<M>,
}

impl<M: Follow> UpdateRules<M> {
    pub(crate) fn of(key: M::Key, rules: Rules) -> Self {
        Self {
            row: One::of(key),
            rules: SetRules::to(rules),
        }
    }
}

impl<M, DB> QueryFragment<DB> for UpdateRules<M>
where
    M: Follow,
    DB: Backend,
    From<M>: QueryFragment<DB>,
    Where<M>: QueryFragment<DB>,
    SetRules<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.row.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.rules.walk_ast(out.reborrow())?;
        self.row.filter.walk_ast(out.reborrow())
    }
}

/// A statement of Diesel's, with `RETURNING` the model behind it.
pub(crate) struct Returning<M: Selectable<DB>, Q, DB: Backend> {
    statement: Q,
    columns: AsSelect<M, DB>,
}

impl<M: Selectable<DB>, Q, DB: Backend> Returning<M, Q, DB> {
    pub(crate) fn of(statement: Q) -> Self {
        Self {
            statement,
            columns: M::as_select(),
        }
    }
}

impl<M, Q, DB> QueryFragment<DB> for Returning<M, Q, DB>
where
    M: Selectable<DB>,
    Q: QueryFragment<DB>,
    DB: Backend,
    AsSelect<M, DB>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING ");
        self.columns.walk_ast(out)
    }
}

/// A whole statement that gives rows of the model.
pub(crate) struct Rows<M, Q, DB> {
    statement: Q,
    of: PhantomData<fn() -> (M, DB)>,
}

impl<M, Q, DB> Rows<M, Q, DB> {
    pub(crate) fn of(statement: Q) -> Self {
        Self {
            statement,
            of: PhantomData,
        }
    }
}

impl<M, Q, DB> QueryFragment<DB> for Rows<M, Q, DB>
where
    Q: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }
}

/// `rules = …`, as a part of a changeset.
pub struct SetRules<M> {
    rules: Rules,
    model: PhantomData<fn() -> M>,
}

impl<M> SetRules<M> {
    fn to(rules: Rules) -> Self {
        Self {
            rules,
            model: PhantomData,
        }
    }
}

impl<M, DB> QueryFragment<DB> for SetRules<M>
where
    M: Follow,
    DB: Backend + HasSqlType<RulesSql<M>>,
    Rules: ToSql<RulesSql<M>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_identifier(<M::RulesColumn as Column>::NAME)?;
        out.push_sql(" = ");
        out.push_bind_param::<RulesSql<M>, _>(&self.rules)
    }
}

/// A caller's changeset, with rules for which it has no place.
pub(crate) struct WithRules<Ch, M> {
    changes: Ch,
    rules: Option<SetRules<M>>,
}

impl<Ch, M> WithRules<Ch, M> {
    pub(crate) fn new(changes: Ch, rules: Option<Rules>) -> Self {
        Self {
            changes,
            rules: rules.map(SetRules::to),
        }
    }
}

impl<Ch, M> AsChangeset for WithRules<Ch, M>
where
    Ch: AsChangeset<Target = M::Table>,
    M: Follow,
{
    type Target = M::Table;
    type Changeset = (Ch::Changeset, Option<SetRules<M>>);

    fn as_changeset(self) -> Self::Changeset {
        (self.changes.as_changeset(), self.rules)
    }
}

impl<M: Follow + Selectable<DB>, DB: Backend> Query for SelectRow<M, DB> {
    type SqlType = AsSelect<M, DB>;
}

impl<M: Follow + Selectable<DB>, DB: Backend> Query for SelectLast<M, DB> {
    type SqlType = AsSelect<M, DB>;
}

impl<M: Selectable<DB>, Q, DB: Backend> Query for Returning<M, Q, DB> {
    type SqlType = AsSelect<M, DB>;
}

impl<M: Selectable<DB>, Q, DB: Backend> Query for Rows<M, Q, DB> {
    type SqlType = AsSelect<M, DB>;
}

// Without a static id Diesel's cache of prepared statements goes by the SQL text.
macro_rules! goes_by_text {
    ($([$($generics:tt)*] $statement:ty;)+) => {$(
        impl<$($generics)*> QueryId for $statement {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    )+};
}

pub(crate) use goes_by_text;

goes_by_text! {
    [M: Follow + Selectable<DB>, DB: Backend] SelectRow<M, DB>;
    [M: Follow + Selectable<DB>, DB: Backend] SelectLast<M, DB>;
    [M: Selectable<DB>, Q, DB: Backend] Returning<M, Q, DB>;
    [M: Follow] DeleteRow<M>;
    [M: Selectable<DB>, Q, DB: Backend] Rows<M, Q, DB>;
}
