//! What differs between databases.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

use crate::outbox::Entry;

/// What a row is locked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// A change of columns; rows that refer to it may come and go meanwhile.
    ToChange,
    /// Its end.
    ToEnd,
}

/// A database on which saves are followed: SQLite and PostgreSQL, by the features of the same names.
pub trait FollowBackend: Backend + Send + 'static {
    /// Ends a `SELECT` of a row that this transaction is going to change.
    #[doc(hidden)]
    fn push_lock(out: AstPass<'_, '_, Self>, lock: Lock);

    /// One event of the outbox, as a row of `VALUES`.
    #[doc(hidden)]
    fn push_entry<'b>(out: AstPass<'_, 'b, Self>, entry: &'b Entry) -> QueryResult<()>;
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use diesel::sql_types::{Nullable, Text};
    use diesel::sqlite::Sqlite;

    use super::*;

    impl FollowBackend for Sqlite {
        /// The transaction has the write lock already.
        fn push_lock(_: AstPass<'_, '_, Self>, _: Lock) {}

        fn push_entry<'b>(mut out: AstPass<'_, 'b, Self>, entry: &'b Entry) -> QueryResult<()> {
            out.push_sql("(");
            out.push_bind_param::<Text, _>(&entry.id_text)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&entry.topic)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(&entry.version)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&entry.payload)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&entry.meta)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(&entry.aggregate)?;
            for _ in 0..2 {
                out.push_sql(", ");
                out.push_bind_param::<Text, _>(&entry.at_text)?;
            }
            out.push_sql(")");
            Ok(())
        }
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use diesel::pg::Pg;
    use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid};

    use super::*;

    impl FollowBackend for Pg {
        fn push_lock(mut out: AstPass<'_, '_, Self>, lock: Lock) {
            out.push_sql(match lock {
                Lock::ToChange => " FOR NO KEY UPDATE",
                Lock::ToEnd => " FOR UPDATE",
            });
        }

        fn push_entry<'b>(mut out: AstPass<'_, 'b, Self>, entry: &'b Entry) -> QueryResult<()> {
            out.push_sql("(");
            out.push_bind_param::<Uuid, _>(&entry.id)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&entry.topic)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Text>, _>(&entry.version)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&entry.payload)?;
            out.push_sql("::jsonb, ");
            out.push_bind_param::<Text, _>(&entry.meta)?;
            out.push_sql("::jsonb, ");
            out.push_bind_param::<Nullable<Text>, _>(&entry.aggregate)?;
            for _ in 0..2 {
                out.push_sql(", ");
                out.push_bind_param::<Timestamptz, _>(&entry.at)?;
            }
            out.push_sql(")");
            Ok(())
        }
    }
}
