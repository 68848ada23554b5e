//! `celerysalt_pending`.

use celerysalt::follow::note::Claim;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
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

/// Lets the intent of another's delete keep what that is to tell from now on, unless it has ended or keeps something
/// later.
pub(crate) struct Tell {
    id: Cell,
    kept: Cell,
    at: Cell,
}

impl Tell {
    pub(crate) fn of<DB: FollowBackend>(claim: &Claim) -> QueryResult<Self> {
        let kept = claim
            .kept()
            .map_err(|error| Error::SerializationError(Box::new(error)))?;
        Ok(Self {
            id: Cell::id(claim.id),
            kept: Cell::json(kept.to_string()),
            at: Cell::instant::<DB>(claim.at),
        })
    }
}

impl<DB: FollowBackend> QueryFragment<DB> for Tell {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE celerysalt_pending SET events = ");
        self.kept.walk(out.reborrow())?;
        out.push_sql(", created_at = ");
        self.at.walk(out.reborrow())?;
        out.push_sql(" WHERE id = ");
        self.id.walk(out.reborrow())?;
        out.push_sql(" AND created_at < ");
        self.at.walk(out.reborrow())
    }
}

impl QueryId for Tell {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
