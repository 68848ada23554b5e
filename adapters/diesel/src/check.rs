//! The check at start that the database's tables are what saves need.

use celerysalt_migrations::Dialect;
use celerysalt_migrations::check::{self, ModelTable, TableCheck};
use diesel::associations::HasTable;
use diesel::expression::Expression;
use diesel::query_builder::QueryFragment;
use diesel::result::Error as DieselError;
use diesel::{Column, QuerySource};

use crate::__private::RulesSqlType;
use crate::backend::FollowBackend;
use crate::connection::{Blocking, FollowConnection};
use crate::model::Follow;
use crate::session::{Session, now};
use crate::statement::{From, RulesSql, sql};

pub use celerysalt_migrations::check::TableProblem;

/// Why the tables cannot be relied on.
pub type CheckError = check::CheckError<DieselError>;

/// A database on which the tables of `M` can be checked: a model that is followed, or a tuple of up to eight. Nothing here
/// is implemented by hand.
#[diagnostic::on_unimplemented(
    message = "the tables of `{M}` cannot be checked on `{Self}`",
    note = "name a model that derives `FollowActions` and is followed on this database, or a tuple of up to eight of them"
)]
pub trait CheckTables<M>: FollowBackend {
    /// The tables.
    #[doc(hidden)]
    fn tables() -> Vec<ModelTable>;
}

impl<M, DB> CheckTables<M> for DB
where
    DB: FollowBackend + Default,
    DB::QueryBuilder: Default,
    M: Follow<RulesColumn: Expression<SqlType: RulesSqlType>>,
    M::Table: HasTable<Table = M::Table>,
    From<M>: QueryFragment<DB>,
{
    fn tables() -> Vec<ModelTable> {
        let from = sql::<DB, _>(&M::Table::table().from_clause());
        let (schema, table) = schema_and_table(&from);
        let takes_one = DB::DIALECT == Dialect::Postgres;
        vec![ModelTable {
            model: M::NAME,
            schema,
            table,
            columns: M::COLUMNS.to_vec(),
            rules: <M::RulesColumn as Column>::NAME,
            rules_type: takes_one.then_some(RulesSql::<M>::ON_POSTGRES),
            keeps_history: M::definition().history().is_some(),
        }]
    }
}

/// The names of `"schema"."table"` or `"table"`, in whatever quotes.
fn schema_and_table(from: &str) -> (Option<String>, String) {
    let quote = from.get(..1).unwrap_or_default();
    let inner = from.strip_prefix(quote).unwrap_or(from);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    let plain = |name: &str| name.replace(&quote.repeat(2), quote);
    match inner.split_once(&format!("{quote}.{quote}")) {
        Some((schema, table)) => (Some(plain(schema)), plain(table)),
        None => (None, plain(inner)),
    }
}

macro_rules! tuples {
    ($(($($model:ident)+))+) => {$(
        impl<DB, $($model),+> CheckTables<($($model,)+)> for DB
        where
            DB: $(CheckTables<$model> +)+ FollowBackend,
        {
            fn tables() -> Vec<ModelTable> {
                [$(<DB as CheckTables<$model>>::tables()),+].concat()
            }
        }
    )+};
}

tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
}

/// Looks whether a model's table is there with all the model's columns, whether the rules column is `NOT NULL` and of a type
/// that holds rules (on PostgreSQL of the very one that `table!` says), and whether this crate's own tables are there: worth
/// a call when the program starts, for all its models, since otherwise the first save tells.
///
/// ```
/// use celerysalt_diesel::{CheckError, FollowActions, Rules, check_tables};
/// use diesel::prelude::*;
///
/// # diesel::table! {
/// #     orders (id) {
/// #         id -> BigInt,
/// #         on_change_rules -> Text,
/// #     }
/// # }
/// # diesel::table! {
/// #     customers (id) {
/// #         id -> BigInt,
/// #         on_change_rules -> Text,
/// #     }
/// # }
/// # #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
/// # #[diesel(table_name = orders)]
/// # struct Order { id: i64, on_change_rules: Rules }
/// # #[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset, FollowActions)]
/// # #[diesel(table_name = customers)]
/// # struct Customer { id: i64, on_change_rules: Rules }
/// # #[cfg(feature = "sqlite")]
/// fn start(conn: &mut SqliteConnection) -> Result<(), CheckError> {
///     check_tables::<(Order, Customer)>(conn)
/// }
/// # #[cfg(feature = "sqlite")]
/// # {
/// # let error = start(&mut SqliteConnection::establish(":memory:").unwrap()).unwrap_err().to_string();
/// # assert!(error.contains("there is no table `customers`"), "{error}");
/// # }
/// ```
///
/// # Errors
/// [`CheckError::Unfit`] with each problem: table, column and remedy. The database's own.
pub fn check_tables<M>(
    conn: &mut impl FollowConnection<Backend: CheckTables<M>>,
) -> Result<(), CheckError> {
    now(run::<M, _>(Blocking(conn)))
}

pub(crate) async fn run<M, S>(mut session: S) -> Result<(), CheckError>
where
    S: Session<Backend: CheckTables<M>>,
{
    let tables = <S::Backend as CheckTables<M>>::tables();
    let check = TableCheck::new(S::Backend::DIALECT, tables);
    let mut answers = Vec::new();
    for question in check.questions() {
        answers.push(session.columns(&question).await?);
    }
    check.judge(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_out_of_any_quotes() {
        let names =
            |schema: Option<&str>, table: &str| (schema.map(str::to_owned), table.to_owned());
        assert_eq!(schema_and_table("\"orders\""), names(None, "orders"));
        assert_eq!(
            schema_and_table("`shop`.`orders`"),
            names(Some("shop"), "orders")
        );
        assert_eq!(
            schema_and_table("\"a.b\".\"say \"\"c\"\" d\""),
            names(Some("a.b"), "say \"c\" d")
        );
    }
}
