//! The check at start that the database's tables are what saves need.

mod columns;
mod problem;

pub use problem::{CheckError, TableProblem};

use sea_orm::{ConnectionTrait, DbBackend, IdenStatic, Iterable};

use crate::entity::Follow;
use columns::{Column, Columns};

/// The tables of this crate that every save may write, and the columns that it writes there.
const OWN: [(&str, &[&str]); 2] = [
    (
        "celerysalt_outbox",
        &[
            "id",
            "topic",
            "version",
            "payload",
            "meta",
            "aggregate",
            "created_at",
            "available_at",
        ],
    ),
    (
        "celerysalt_pending",
        &[
            "id",
            "model",
            "row_key",
            "operation",
            "events",
            "created_at",
        ],
    ),
];

/// The table that saves of a model with a history write as well.
const HISTORY: (&str, &[&str]) = (
    "celerysalt_transitions",
    &["id", "aggregate", "field", "correlation_id"],
);

/// Looks whether an entity's table is there with all its columns, whether the rules column is of a JSON or text type and
/// `NOT NULL`, and whether this crate's own tables are there: worth a call for each entity when the program starts, since
/// otherwise the first save tells.
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
pub async fn check_tables<E: Follow>(db: &impl ConnectionTrait) -> Result<(), CheckError> {
    let mut problems = own_problems::<E>(db).await?;
    let table = E::default();
    let columns = columns::read(db, table.schema_name(), table.table_name()).await?;
    problems.extend(entity_problems::<E>(&columns, db.get_database_backend()));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(CheckError::Unfit {
            model: E::NAME,
            problems,
        }),
    }
}

async fn own_problems<E: Follow>(
    db: &impl ConnectionTrait,
) -> Result<Vec<TableProblem>, CheckError> {
    let mut problems = Vec::new();
    let has_history = E::followed().def.history().is_some();
    for (table, needed) in OWN.into_iter().chain(has_history.then_some(HISTORY)) {
        let columns = columns::read(db, None, table).await?;
        if columns.is_empty() || needed.iter().any(|name| !columns.contains_key(*name)) {
            problems.push(TableProblem::NotMigrated { table });
        }
    }
    Ok(problems)
}

fn entity_problems<E: Follow>(columns: &Columns, backend: DbBackend) -> Vec<TableProblem> {
    let table = E::default().table_name();
    if columns.is_empty() {
        return vec![TableProblem::NoTable { table }];
    }
    let rules = E::followed().rules.as_str();
    let all = E::Column::iter().map(|column| column.as_str());
    let missing = all.filter(|name| !columns.contains_key(*name));
    let missing = missing.map(|column| match column == rules {
        true => TableProblem::NoRules {
            table,
            column,
            needed: needed_type(backend),
        },
        false => TableProblem::NoColumn { table, column },
    });
    let mut problems: Vec<_> = missing.collect();
    if let Some(found) = columns.get(rules) {
        problems.extend(rules_problems(table, rules, found, backend));
    }
    problems
}

/// What is wrong with a rules column that is there.
fn rules_problems(
    table: &'static str,
    column: &'static str,
    found: &Column,
    backend: DbBackend,
) -> Vec<TableProblem> {
    let mut problems = Vec::new();
    if !holds_json(&found.ty, backend) {
        problems.push(TableProblem::WrongType {
            table,
            column,
            found: found.ty.clone(),
            needed: needed_type(backend),
        });
    }
    if found.is_nullable {
        problems.push(TableProblem::Nullable { table, column });
    }
    problems
}

/// The type that the guide gives to a rules column.
fn needed_type(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "jsonb",
        DbBackend::MySql => "json",
        _ => "text",
    }
}

/// Whether a column of this type holds rules of any length as they are written.
fn holds_json(ty: &str, backend: DbBackend) -> bool {
    match backend {
        DbBackend::Postgres => ["jsonb", "json", "text"].contains(&ty),
        // MariaDB's json is a longtext. A text ends at 64 KiB, which rules and the events in a note may exceed.
        DbBackend::MySql => ["json", "longtext", "mediumtext"].contains(&ty),
        // What SQLite takes for text, and what SeaORM names a JSON column there.
        _ => ["json", "text", "char", "clob"]
            .iter()
            .any(|part| ty.contains(part)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_hold_rules() {
        for ty in ["jsonb", "json", "text"] {
            assert!(holds_json(ty, DbBackend::Postgres), "{ty}");
        }
        for ty in ["json", "longtext", "mediumtext"] {
            assert!(holds_json(ty, DbBackend::MySql), "{ty}");
        }
        for ty in ["text", "jsonb_text", "json", "varchar(9)"] {
            assert!(holds_json(ty, DbBackend::Sqlite), "{ty}");
        }
        assert!(!holds_json("character varying(100)", DbBackend::Postgres));
        for ty in ["varchar(100)", "text", "tinytext"] {
            assert!(!holds_json(ty, DbBackend::MySql), "{ty}");
        }
        assert!(!holds_json("integer", DbBackend::Sqlite));
    }
}
