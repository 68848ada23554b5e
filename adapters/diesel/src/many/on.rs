//! What a model needs to be able to on a database, to be saved in bulk there.

use std::future::Future;
use std::hash::Hash;

use diesel::QuerySource;
use diesel::associations::HasTable;
use diesel::dsl::AsSelect;
use diesel::expression::SelectableHelper;
use diesel::query_builder::QueryFragment;
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

use super::Chunk;
use super::key::KeySql;
use super::statement::{DeleteChunk, Keys, SelectChunk, SelectKeys, SetRulesByKey, UpdateChunk};
use crate::backend::FollowBackend;
use crate::column::Rules;
use crate::model::Follow;
use crate::on::FollowOn;
use crate::session::Session;
use crate::statement::{self, From, Returning, RulesSql};
use crate::writing::Writing;

/// A model that can be saved in bulk on a database. Nothing here is implemented by hand.
pub trait FollowManyOn<DB: FollowBackend>:
    FollowOn<DB> + Follow<KeyParts: Eq + Hash + Clone>
{
    /// The rows of a chunk, in the order of the key, locked.
    #[doc(hidden)]
    fn lock_rows<W, S>(
        filter: &mut W,
        chunk: Chunk<'_, Self::KeyParts>,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        W: QueryFragment<DB> + Send,
        S: Session<Backend = DB>;

    /// The rows of these keys, which are locked already.
    #[doc(hidden)]
    fn rows<S: Session<Backend = DB>>(
        keys: &[Self::KeyParts],
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Vec<Self>>> + Send;

    /// Changes the rows of these keys, and returns them.
    #[doc(hidden)]
    fn change_rows<Ch, S>(
        changes: &mut Ch,
        keys: &[Self::KeyParts],
        session: &mut S,
    ) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        Ch: QueryFragment<DB> + Send,
        S: Session<Backend = DB>;

    /// Writes the rules columns of these keys.
    #[doc(hidden)]
    fn change_rules<S: Session<Backend = DB>>(
        rules: Vec<(Rules, Vec<Self::KeyParts>)>,
        session: &mut S,
    ) -> impl Future<Output = QueryResult<usize>> + Send;

    /// Deletes the rows of these keys.
    #[doc(hidden)]
    fn remove_rows<S: Session<Backend = DB>>(
        keys: &[Self::KeyParts],
        session: &mut S,
    ) -> impl Future<Output = QueryResult<usize>> + Send;

    /// The names of the primary key's columns.
    #[doc(hidden)]
    fn key_columns() -> &'static [&'static str];

    /// A part of a statement as the database gets it, without the values; empty where it is none.
    #[doc(hidden)]
    fn sql<Q: QueryFragment<DB>>(part: &Q) -> String;
}

impl<M, DB> FollowManyOn<DB> for M
where
    DB: FollowBackend + Default + HasSqlType<RulesSql<M>>,
    DB::QueryBuilder: Default,
    M: FollowOn<DB> + Follow<KeyParts: Eq + Hash + Clone + KeySql<M::KeyColumns, DB>>,
    M::Table: HasTable<Table = M::Table>,
    AsSelect<M, DB>: QueryFragment<DB> + Send,
    From<M>: QueryFragment<DB> + Send,
    Rules: ToSql<RulesSql<M>, DB>,
{
    async fn lock_rows<W, S>(
        filter: &mut W,
        chunk: Chunk<'_, M::KeyParts>,
        session: &mut S,
    ) -> QueryResult<Vec<M>>
    where
        W: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        let select = SelectChunk::<M, W, DB> {
            columns: M::as_select(),
            table: M::Table::table().from_clause(),
            filter,
            chunk,
        };
        M::load(select, session).await
    }

    async fn rows<S: Session<Backend = DB>>(
        keys: &[M::KeyParts],
        session: &mut S,
    ) -> QueryResult<Vec<M>> {
        let select = SelectKeys::<M, DB> {
            columns: M::as_select(),
            table: M::Table::table().from_clause(),
            keys: Keys(keys),
        };
        M::load(select, session).await
    }

    async fn change_rows<Ch, S>(
        changes: &mut Ch,
        keys: &[M::KeyParts],
        session: &mut S,
    ) -> QueryResult<Vec<M>>
    where
        Ch: QueryFragment<DB> + Send,
        S: Session<Backend = DB>,
    {
        let update = UpdateChunk::<M, Ch> {
            table: M::Table::table().from_clause(),
            changes,
            keys: Keys(keys),
        };
        if DB::Writing::RETURNS {
            return M::load(Returning::<M, _, DB>::of(update), session).await;
        }
        session.execute(update).await?;
        M::rows(keys, session).await
    }

    async fn change_rules<S: Session<Backend = DB>>(
        rules: Vec<(Rules, Vec<M::KeyParts>)>,
        session: &mut S,
    ) -> QueryResult<usize> {
        let keys: Vec<_> = rules.iter().flat_map(|(_, keys)| keys).cloned().collect();
        let update = UpdateChunk::<M, _> {
            table: M::Table::table().from_clause(),
            changes: &mut SetRulesByKey::<M>(rules),
            keys: Keys(&keys),
        };
        session.execute(update).await
    }

    async fn remove_rows<S: Session<Backend = DB>>(
        keys: &[M::KeyParts],
        session: &mut S,
    ) -> QueryResult<usize> {
        let delete = DeleteChunk::<M> {
            table: M::Table::table().from_clause(),
            keys: Keys(keys),
        };
        session.execute(delete).await
    }

    fn key_columns() -> &'static [&'static str] {
        M::KeyParts::COLUMNS
    }

    fn sql<Q: QueryFragment<DB>>(part: &Q) -> String {
        statement::sql::<DB, Q>(part)
    }
}
