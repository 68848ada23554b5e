//! `celerysalt_pending`.

use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use uuid::Uuid;

use super::Cell;
use crate::backend::FollowBackend;

/// Ends what another adapter announced for a row; what has ended already does not matter.
pub(crate) struct DeleteIntents(Vec<Cell>);

impl DeleteIntents {
    pub(crate) fn of(intents: &[Uuid]) -> Self {
        Self(intents.iter().copied().map(Cell::id).collect())
    }
}

impl<DB: FollowBackend> QueryFragment<DB> for DeleteIntents {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM celerysalt_pending WHERE id IN ");
        for (at, id) in self.0.iter().enumerate() {
            out.push_sql(if at == 0 { "(" } else { ", " });
            id.walk(out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}

// Without a static id Diesel's cache of prepared statements goes by the SQL text.
impl QueryId for DeleteIntents {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
