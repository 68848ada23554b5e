//! What is wrong with tables, and how to mend it.

use std::error::Error;

/// Why tables cannot be relied on; `D` is the error of the ORM.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError<D: Error> {
    /// The tables are not what saves of models need.
    #[error(
        "the tables are not fit for saves of {} to be followed: {}",
        names(.models),
        list(.problems)
    )]
    Unfit {
        /// The models.
        models: Vec<&'static str>,
        /// Each problem with table, column and remedy.
        problems: Vec<TableProblem>,
    },
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] D),
}

/// What is wrong with a table. Displays as problem and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by the messages")]
pub enum TableProblem {
    /// A table of this crate's is missing or older than this version.
    #[error(
        "table `{table}` is not there, or lacks columns; run the migrations of `celerysalt_migrations` (over SeaORM `sea_orm::up`, \
         over Diesel `diesel::source`, or print them: `celerysalt migrations print`)"
    )]
    NotMigrated { table: &'static str },
    /// The model's table is missing.
    #[error(
        "there is no table `{table}`; create it, or mend the model's table name (and the connection's database or schema)"
    )]
    NoTable { table: String },
    /// A column of the model is missing.
    #[error("table `{table}` has no column `{column}`; add it, or mend the model's column name")]
    NoColumn { table: String, column: &'static str },
    /// The rules column is missing.
    #[error(
        "table `{table}` has no column `{column}` for the rules; add it: \
         `ALTER TABLE {table} ADD COLUMN {column} {needed} NOT NULL DEFAULT {}`",
        default_of(.needed)
    )]
    NoRules {
        table: String,
        column: &'static str,
        needed: &'static str,
    },
    /// The rules column is of a type that does not hold them.
    #[error("`{table}.{column}` is to hold the rules and is of type {found}; make it {needed}")]
    WrongType {
        table: String,
        column: &'static str,
        found: String,
        needed: &'static str,
    },
    /// The rules column is of a type that holds them, but not of the one that the model says.
    #[error(
        "`{table}.{column}` holds the rules and is of type {found} in the database, and {said} in the model; make them \
         the same"
    )]
    OtherType {
        table: String,
        column: &'static str,
        found: String,
        said: &'static str,
    },
    /// The rules column may be null.
    #[error(
        "`{table}.{column}` holds the rules and may be NULL; \
         `UPDATE {table} SET {column} = '[]' WHERE {column} IS NULL`, then make it NOT NULL with default ('[]')"
    )]
    Nullable { table: String, column: &'static str },
}

/// The default of a new rules column: MySQL takes none for `json` but an expression, and SQLite none for a column that is
/// added but a literal.
fn default_of(needed: &str) -> &'static str {
    match needed {
        "json" => "('[]')",
        _ => "'[]'",
    }
}

fn names(models: &[&str]) -> String {
    let models: Vec<_> = models.iter().map(|model| format!("`{model}`")).collect();
    models.join(", ")
}

fn list(problems: &[TableProblem]) -> String {
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
