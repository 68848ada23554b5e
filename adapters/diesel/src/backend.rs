//! What differs between databases.

use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use diesel::sql_types::{Nullable, Text};

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
    /// How text becomes what the library's own tables hold.
    #[doc(hidden)]
    const CASTS: Casts;

    /// Ends a `SELECT` of a row that this transaction is going to change.
    #[doc(hidden)]
    fn push_lock(out: AstPass<'_, '_, Self>, lock: Lock);

    /// Binds text.
    #[doc(hidden)]
    fn push_text<'b>(out: AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()>;

    /// Binds text or null.
    #[doc(hidden)]
    fn push_nullable<'b>(out: AstPass<'_, 'b, Self>, text: &'b Option<String>) -> QueryResult<()>;
}

/// What stands behind a bound text.
#[derive(Debug, Clone, Copy)]
pub struct Casts {
    pub(crate) id: &'static str,
    pub(crate) json: &'static str,
    pub(crate) instant: &'static str,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! binds_text {
    () => {
        fn push_text<'b>(mut out: AstPass<'_, 'b, Self>, text: &'b str) -> QueryResult<()> {
            out.push_bind_param::<Text, _>(text)
        }

        fn push_nullable<'b>(
            mut out: AstPass<'_, 'b, Self>,
            text: &'b Option<String>,
        ) -> QueryResult<()> {
            out.push_bind_param::<Nullable<Text>, _>(text)
        }
    };
}

#[cfg(feature = "sqlite")]
impl FollowBackend for diesel::sqlite::Sqlite {
    const CASTS: Casts = Casts {
        id: "",
        json: "",
        instant: "",
    };

    /// The transaction has the write lock already.
    fn push_lock(_: AstPass<'_, '_, Self>, _: Lock) {}

    binds_text!();
}

#[cfg(feature = "postgres")]
impl FollowBackend for diesel::pg::Pg {
    const CASTS: Casts = Casts {
        id: "::uuid",
        json: "::jsonb",
        instant: "::timestamptz",
    };

    fn push_lock(mut out: AstPass<'_, '_, Self>, lock: Lock) {
        out.push_sql(match lock {
            Lock::ToChange => " FOR NO KEY UPDATE",
            Lock::ToEnd => " FOR UPDATE",
        });
    }

    binds_text!();
}
