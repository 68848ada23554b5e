//! The statements of a bulk save, each over a chunk of rows.

use diesel::backend::Backend;
use diesel::dsl::AsSelect;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;
use diesel::{Column, Selectable};

use super::Chunk;
use super::key::KeySql;
use crate::backend::{FollowBackend, Lock};
use crate::column::Rules;
use crate::model::Follow;
use crate::statement::{From, RulesSql, goes_by_text};

/// `SELECT … WHERE filter AND key > last ORDER BY key LIMIT n FOR …`
pub(crate) struct SelectChunk<'a, M: Follow + Selectable<DB>, W, DB: Backend> {
    pub(super) columns: AsSelect<M, DB>,
    pub(super) table: From<M>,
    pub(super) filter: &'a mut W,
    pub(super) chunk: Chunk<'a, M::KeyParts>,
}

impl<M, W, DB> QueryFragment<DB> for SelectChunk<'_, M, W, DB>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>> + Selectable<DB>,
    W: QueryFragment<DB>,
    DB: FollowBackend,
    AsSelect<M, DB>: QueryFragment<DB>,
    From<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())?;
        self.filter.walk_ast(out.reborrow())?;
        if let Some(last) = self.chunk.after {
            out.push_sql(if self.chunk.is_filtered {
                " AND "
            } else {
                " WHERE "
            });
            push_after::<M, DB>(last, out.reborrow())?;
        }
        out.push_sql(" ORDER BY ");
        push_key_columns::<M, DB>(out.reborrow())?;
        out.push_sql(&format!(" LIMIT {}", self.chunk.limit));
        DB::push_lock(out, self.chunk.lock);
        Ok(())
    }
}

/// `UPDATE … SET … WHERE key IN (…)`
pub(crate) struct UpdateChunk<'a, M: Follow, S> {
    pub(super) table: From<M>,
    pub(super) changes: &'a mut S,
    pub(super) keys: Keys<'a, M>,
}

impl<M, S, DB> QueryFragment<DB> for UpdateChunk<'_, M, S>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    S: QueryFragment<DB>,
    DB: FollowBackend,
    From<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.keys.walk_ast(out)
    }
}

/// `DELETE FROM … WHERE key IN (…)`
pub(crate) struct DeleteChunk<'a, M: Follow> {
    pub(super) table: From<M>,
    pub(super) keys: Keys<'a, M>,
}

impl<M, DB> QueryFragment<DB> for DeleteChunk<'_, M>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    DB: FollowBackend,
    From<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.keys.walk_ast(out)
    }
}

/// `SELECT … WHERE key IN (…)`
pub(crate) struct SelectKeys<'a, M: Follow + Selectable<DB>, DB: Backend> {
    pub(super) columns: AsSelect<M, DB>,
    pub(super) table: From<M>,
    pub(super) keys: Keys<'a, M>,
}

impl<M, DB> QueryFragment<DB> for SelectKeys<'_, M, DB>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>> + Selectable<DB>,
    DB: FollowBackend,
    AsSelect<M, DB>: QueryFragment<DB>,
    From<M>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.keys.walk_ast(out.reborrow())?;
        // A plain read may show a row as it was before this transaction changed it.
        DB::push_lock(out, Lock::ToChange);
        Ok(())
    }
}

/// `rules = CASE WHEN key IN (…) THEN … ELSE rules END`: the rules of rows that are left with the same stand in one branch.
pub(crate) struct SetRulesByKey<M: Follow>(pub(super) Vec<(Rules, Vec<M::KeyParts>)>);

impl<M, DB> QueryFragment<DB> for SetRulesByKey<M>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    DB: FollowBackend + HasSqlType<RulesSql<M>>,
    Rules: ToSql<RulesSql<M>, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let column = <M::RulesColumn as Column>::NAME;
        out.push_identifier(column)?;
        out.push_sql(" = CASE");
        for (rules, keys) in &self.0 {
            out.push_sql(" WHEN ");
            push_keys::<M, DB>(keys, out.reborrow())?;
            out.push_sql(" THEN ");
            out.push_bind_param::<RulesSql<M>, _>(rules)?;
        }
        out.push_sql(" ELSE ");
        out.push_identifier(column)?;
        out.push_sql(" END");
        Ok(())
    }
}

/// `key IN (…)`
pub(crate) struct Keys<'a, M: Follow>(pub(super) &'a [M::KeyParts]);

impl<M, DB> QueryFragment<DB> for Keys<'_, M>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    DB: FollowBackend,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_keys::<M, DB>(self.0, out)
    }
}

/// `a IN (1, 2)`, or of several columns `(a, b) IN (VALUES (1, 2), (3, 4))`.
fn push_keys<'b, M, DB>(keys: &'b [M::KeyParts], mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    DB: FollowBackend,
{
    // As many texts as there are lengths.
    out.unsafe_to_cache_prepared();
    let is_one_column = <M::KeyParts as KeySql<M::KeyColumns, DB>>::COLUMNS.len() == 1;
    let (before, after) = if is_one_column { ("", "") } else { ("(", ")") };
    out.push_sql(before);
    push_key_columns::<M, DB>(out.reborrow())?;
    out.push_sql(after);
    out.push_sql(" IN (");
    if !is_one_column {
        out.push_sql(DB::BEFORE_ROWS);
    }
    for (at, key) in keys.iter().enumerate() {
        if at > 0 {
            out.push_sql(", ");
        }
        out.push_sql(before);
        key.push(out.reborrow())?;
        out.push_sql(after);
    }
    out.push_sql(")");
    Ok(())
}

/// `a > 1`, or of several columns `a >= 1 AND (a, b) > (1, 2)`: the first part says nothing new, but is what every database
/// finds by its index.
fn push_after<'b, M, DB>(last: &'b M::KeyParts, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    DB: Backend,
{
    let columns = <M::KeyParts as KeySql<M::KeyColumns, DB>>::COLUMNS;
    if let [first, _, ..] = columns {
        out.push_identifier(first)?;
        out.push_sql(" >= ");
        last.push_first(out.reborrow())?;
        out.push_sql(" AND ");
    }
    out.push_sql("(");
    push_key_columns::<M, DB>(out.reborrow())?;
    out.push_sql(") > (");
    last.push(out.reborrow())?;
    out.push_sql(")");
    Ok(())
}

fn push_key_columns<M, DB>(mut out: AstPass<'_, '_, DB>) -> QueryResult<()>
where
    M: Follow<KeyParts: KeySql<M::KeyColumns, DB>>,
    DB: Backend,
{
    let columns = <M::KeyParts as KeySql<M::KeyColumns, DB>>::COLUMNS;
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(column)?;
    }
    Ok(())
}

goes_by_text! {
    [M: Follow, S] UpdateChunk<'_, M, S>;
    [M: Follow] DeleteChunk<'_, M>;
}
