//! What the database's own catalog says of a table.

use celerysalt_migrations::check::{Column, Question};
use diesel::QueryableByName;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Text, Untyped};

use crate::backend::FollowBackend;
use crate::statement::goes_by_text;

/// A row of the answer to a [`Question`].
#[derive(QueryableByName)]
pub struct CatalogRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text, column_name = "type")]
    ty: String,
    #[diesel(sql_type = Text)]
    nullable: String,
}

impl From<CatalogRow> for Column {
    fn from(row: CatalogRow) -> Self {
        Column::of(row.name, &row.ty, &row.nullable)
    }
}

/// A [`Question`] as a query.
pub(crate) struct Asked<'q>(pub(crate) &'q Question);

impl<DB: FollowBackend> QueryFragment<DB> for Asked<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut values = self.0.values().iter();
        for part in self.0.parts() {
            out.push_sql(part);
            if let Some(value) = values.next() {
                DB::push_text(out.reborrow(), value)?;
            }
        }
        Ok(())
    }
}

impl Query for Asked<'_> {
    type SqlType = Untyped;
}

goes_by_text! {
    ['q] Asked<'q>;
}
