//! What differs between databases.

use celerysalt_migrations::Dialect;
use celerysalt_migrations::check::Column;
use chrono::{DateTime, SecondsFormat, Utc};
use diesel::QueryableByName;
use diesel::backend::Backend;
use diesel::query_builder::AstPass;
use diesel::result::{Error as DieselError, QueryResult};

use crate::error::Error;
use crate::writing::Writing;

/// What a row is locked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// A change of columns; rows that refer to it may come and go meanwhile.
    ToChange,
    /// Its end.
    ToEnd,
}

/// A database on which saves are followed: SQLite, PostgreSQL and MySQL (MariaDB), by the features of the same names.
pub trait FollowBackend: Backend + Send + 'static {
    /// How a row comes back that was written.
    #[doc(hidden)]
    type Writing: Writing<Self>;

    /// What the database's catalog says of a column.
    #[doc(hidden)]
    type CatalogRow: QueryableByName<Self> + Into<Column> + Send + 'static;

    /// Its kind of SQL.
    #[doc(hidden)]
    const DIALECT: Dialect;

    /// How text becomes what the library's own tables hold.
    #[doc(hidden)]
    const CASTS: Casts;

    /// Ends an `INSERT` that leaves a row alone whose key is there already, where the database can do that and nothing
    /// else.
    #[doc(hidden)]
    const KEEP_FIRST: Option<&'static str> = Some(" ON CONFLICT DO NOTHING");

    /// What stands before the rows of `(a, b) IN (…)`.
    #[doc(hidden)]
    const BEFORE_ROWS: &'static str = "VALUES ";

    /// What a save sends first when it is a savepoint in the caller's transaction.
    #[doc(hidden)]
    const IN_SAVEPOINT: Option<&'static str> = None;

    /// What it means when [`IN_SAVEPOINT`](Self::IN_SAVEPOINT) fails.
    #[doc(hidden)]
    fn savepoint_failed(error: DieselError) -> Error {
        error.into()
    }

    /// Ends a `SELECT` of a row that this transaction is going to change.
    #[doc(hidden)]
    fn push_lock(out: AstPass<'_, '_, Self>, lock: Lock);

    /// Binds text or null.
    #[doc(hidden)]
    fn push_text<'b>(out: AstPass<'_, 'b, Self>, text: &'b Option<String>) -> QueryResult<()>;

    /// An instant as text that the library's own tables take: UTC, always with six digits, so that SQLite can sort by
    /// it.
    #[doc(hidden)]
    fn instant(at: DateTime<Utc>) -> String {
        at.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

/// What stands behind a bound text.
#[derive(Debug, Clone, Copy)]
pub struct Casts {
    pub(crate) id: &'static str,
    pub(crate) json: &'static str,
    pub(crate) instant: &'static str,
}

#[cfg(any(feature = "sqlite", feature = "mysql_backend"))]
const NO_CASTS: Casts = Casts {
    id: "",
    json: "",
    instant: "",
};

#[cfg(any(
    feature = "sqlite",
    feature = "postgres_backend",
    feature = "mysql_backend"
))]
macro_rules! texts {
    () => {
        type CatalogRow = crate::tables::CatalogRow;

        fn push_text<'b>(
            mut out: AstPass<'_, 'b, Self>,
            text: &'b Option<String>,
        ) -> QueryResult<()> {
            type Text = diesel::sql_types::Nullable<diesel::sql_types::Text>;
            out.push_bind_param::<Text, _>(text)
        }
    };
}

#[cfg(feature = "sqlite")]
impl FollowBackend for diesel::sqlite::Sqlite {
    type Writing = crate::writing::Returning;

    const DIALECT: Dialect = Dialect::Sqlite;

    const CASTS: Casts = NO_CASTS;

    /// Changes nothing, and takes the write lock of a transaction that began without.
    const IN_SAVEPOINT: Option<&'static str> =
        Some("UPDATE celerysalt_outbox SET attempts = attempts WHERE 0");

    /// The transaction has the write lock already.
    fn push_lock(_: AstPass<'_, '_, Self>, _: Lock) {}

    texts!();
}

#[cfg(feature = "postgres_backend")]
impl FollowBackend for diesel::pg::Pg {
    type Writing = crate::writing::Returning;

    const DIALECT: Dialect = Dialect::Postgres;

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

    texts!();
}

#[cfg(feature = "mysql_backend")]
impl FollowBackend for diesel::mysql::Mysql {
    type Writing = crate::writing::ReadBack;

    const DIALECT: Dialect = Dialect::Mysql;

    const CASTS: Casts = NO_CASTS;

    /// `INSERT IGNORE` swallows other errors, and `ON DUPLICATE KEY UPDATE` locks gaps of the index, over which concurrent
    /// saves deadlock.
    const KEEP_FIRST: Option<&'static str> = None;

    const BEFORE_ROWS: &'static str = "";

    /// Fails where the server has ended the transaction (a deadlock ends all of it, not the savepoint alone): what the
    /// save wrote then would be committed statement by statement.
    const IN_SAVEPOINT: Option<&'static str> =
        Some("SAVEPOINT celerysalt; RELEASE SAVEPOINT celerysalt");

    fn savepoint_failed(error: DieselError) -> Error {
        Error::TransactionEnded(error)
    }

    /// A locking read sees what is committed now, also where the transaction's other reads see what was.
    fn push_lock(mut out: AstPass<'_, '_, Self>, _: Lock) {
        out.push_sql(" FOR UPDATE");
    }

    texts!();

    fn instant(at: DateTime<Utc>) -> String {
        at.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    }
}
