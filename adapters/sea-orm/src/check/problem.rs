//! What is wrong with tables, and how to mend it.

use sea_orm::DbErr;

/// Why tables cannot be relied on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The tables are not what saves of a model need.
    #[error("the tables are not fit for saves of `{model}` to be followed: {}", list(.problems))]
    Unfit {
        /// The model.
        model: &'static str,
        /// Each problem with table, column and remedy.
        problems: Vec<TableProblem>,
    },
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// What is wrong with a table. Displays as problem and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by the messages")]
pub enum TableProblem {
    /// A table of this crate's is missing or older than this version.
    #[error(
        "table `{table}` is not there, or lacks columns; run the migrations (`celerysalt_migrations::sea_orm::up`)"
    )]
    NotMigrated { table: &'static str },
    /// The entity's table is missing.
    #[error(
        "there is no table `{table}`; create it, or mend `table_name` (and the connection's database or schema)"
    )]
    NoTable { table: &'static str },
    /// A column of the entity is missing.
    #[error("table `{table}` has no column `{column}`; add it, or mend `column_name`")]
    NoColumn {
        table: &'static str,
        column: &'static str,
    },
    /// The rules column is missing.
    #[error(
        "table `{table}` has no column `{column}` for the rules; add it: \
         `ALTER TABLE {table} ADD COLUMN {column} {needed} NOT NULL DEFAULT {}`",
        default_of(.needed)
    )]
    NoRules {
        table: &'static str,
        column: &'static str,
        needed: &'static str,
    },
    /// The rules column is of a type that does not hold them.
    #[error("`{table}.{column}` is to hold the rules and is of type {found}; make it {needed}")]
    WrongType {
        table: &'static str,
        column: &'static str,
        found: String,
        needed: &'static str,
    },
    /// The rules column may be null.
    #[error(
        "`{table}.{column}` holds the rules and may be NULL; \
         `UPDATE {table} SET {column} = '[]' WHERE {column} IS NULL`, then make it NOT NULL with default ('[]')"
    )]
    Nullable {
        table: &'static str,
        column: &'static str,
    },
}

/// The default of a new rules column: MySQL takes none for `json` but an expression, and SQLite none for a column that is
/// added but a literal.
fn default_of(needed: &str) -> &'static str {
    match needed {
        "json" => "('[]')",
        _ => "'[]'",
    }
}

fn list(problems: &[TableProblem]) -> String {
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
