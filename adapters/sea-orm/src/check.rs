//! The check at start that the database's tables are what saves need.

use celerysalt_migrations::Dialect;
use celerysalt_migrations::check::{self, Column, ModelTable, Question, TableCheck};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, IdenStatic, Iterable, Statement, Value};

use crate::entity::Follow;

pub use celerysalt_migrations::check::TableProblem;

/// Why the tables cannot be relied on.
pub type CheckError = check::CheckError<DbErr>;

/// An entity whose table can be checked: one that is followed, or a tuple of up to eight.
#[diagnostic::on_unimplemented(
    message = "the tables of `{Self}` cannot be checked, since its saves are not followed",
    note = "name an entity whose `Model` derives `FollowActions`, or a tuple of up to eight of them"
)]
pub trait CheckTables {
    /// The tables.
    #[doc(hidden)]
    fn tables() -> Vec<ModelTable>;
}

impl<E: Follow> CheckTables for E {
    fn tables() -> Vec<ModelTable> {
        let entity = E::default();
        let followed = E::followed();
        vec![ModelTable {
            model: E::NAME,
            schema: entity.schema_name().map(str::to_owned),
            table: entity.table_name().to_owned(),
            columns: E::Column::iter().map(|column| column.as_str()).collect(),
            rules: followed.rules.as_str(),
            rules_type: None,
            keeps_history: followed.def.history().is_some(),
        }]
    }
}

macro_rules! tuples {
    ($(($($entity:ident)+))+) => {$(
        impl<$($entity: CheckTables),+> CheckTables for ($($entity,)+) {
            fn tables() -> Vec<ModelTable> {
                [$($entity::tables()),+].concat()
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

/// Looks whether an entity's table is there with all its columns, whether the rules column is of a JSON or text type and
/// `NOT NULL`, and whether this crate's own tables are there: worth a call when the program starts, for all its entities
/// (`check_tables::<(order::Entity, customer::Entity)>`), since otherwise the first save tells.
///
/// ```no_run
/// # mod order {
/// #     use celerysalt_sea_orm::{FollowActions, Rules};
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
/// #     #[sea_orm(table_name = "orders")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub on_change_rules: Rules,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// # }
/// # async fn start(db: sea_orm::DatabaseConnection) -> Result<(), celerysalt_sea_orm::CheckError> {
/// celerysalt_sea_orm::check_tables::<order::Entity>(&db).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`CheckError::Unfit`] with each problem: table, column and remedy. The database's own.
pub async fn check_tables<E: CheckTables>(db: &impl ConnectionTrait) -> Result<(), CheckError> {
    let check = TableCheck::new(dialect(db.get_database_backend()), E::tables());
    let mut answers = Vec::new();
    for question in check.questions() {
        answers.push(columns(db, &question).await?);
    }
    check.judge(answers)
}

fn dialect(backend: DbBackend) -> Dialect {
    match backend {
        DbBackend::Postgres => Dialect::Postgres,
        DbBackend::MySql => Dialect::Mysql,
        _ => Dialect::Sqlite,
    }
}

/// Asks for a table's columns.
async fn columns(db: &impl ConnectionTrait, question: &Question) -> Result<Vec<Column>, DbErr> {
    let values = question.values().iter().cloned().map(Value::from);
    let backend = db.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, question.sql(), values);
    let rows = db.query_all_raw(statement).await?;
    let column = |row: &sea_orm::QueryResult| {
        let text = |name| row.try_get::<String>("", name);
        Ok(Column::of(
            text("name")?,
            &text("type")?,
            &text("nullable")?,
        ))
    };
    rows.iter().map(column).collect()
}
