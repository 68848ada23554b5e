//! What a bulk update may not set.

use celerysalt::follow::{FollowError, ManyError};
use diesel::Column;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::{EmptyChangeset, Error as DieselError, QueryResult};

use super::FollowManyOn;
use crate::backend::FollowBackend;
use crate::error::Error;
use crate::model::Follow;

/// Refuses changes of the key and of the rules, and, as Diesel does, no changes at all.
pub(super) fn keys_and_rules<M, DB, S>(changes: &S) -> Result<(), Error>
where
    M: FollowManyOn<DB>,
    DB: FollowBackend,
    S: QueryFragment<DB>,
{
    let changes = M::sql(changes);
    if changes.is_empty() {
        return Err(DieselError::QueryBuilderError(Box::new(EmptyChangeset)).into());
    }
    let is_set = |column: &&str| is_set(&changes, &M::sql(&Name(column)));
    let rules = <M::RulesColumn as Column>::NAME;
    let error = if let Some(column) = M::key_columns().iter().find(|column| is_set(column)) {
        let column = (*column).to_owned();
        ManyError::Key { column }
    } else if is_set(&rules) {
        let column = rules.to_owned();
        ManyError::Rules { column }
    } else {
        return Ok(());
    };
    Err(refused::<M>(error))
}

pub(super) fn refused<M: Follow>(error: ManyError) -> Error {
    let model = M::NAME.to_owned();
    FollowError::Many { model, error }.into()
}

/// Whether a `SET` clause sets a column: there alone Diesel writes one without its table.
fn is_set(changes: &str, column: &str) -> bool {
    let set = format!("{column} = ");
    changes.starts_with(&set) || changes.contains(&format!(", {set}"))
}

/// A column's name, quoted as the database does it.
struct Name<'a>(&'a str);

impl<DB: FollowBackend> QueryFragment<DB> for Name<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_identifier(self.0)
    }
}
