//! How a saver's attempts end.

use std::fmt;

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// How an attempt to save ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it was committed.
    Committed,
    /// All of it was rolled back by the saver.
    RolledBack,
    /// Another saver was first: a deadlock, a row made or deleted meanwhile.
    Conflict,
    /// The database went away.
    Unreachable,
    /// An error that nothing in a soak explains.
    Unexpected(String),
}

impl Outcome {
    /// The word for it in the journal.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled-back",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::Unexpected(_) => UNEXPECTED,
        }
    }
}

/// The word for what must not be.
pub const UNEXPECTED: &str = "unexpected";

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected(why) => write!(f, "{UNEXPECTED}: {}", why.replace('\n', " ")),
            other => f.write_str(other.word()),
        }
    }
}

impl From<DbErr> for Outcome {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unreachable,
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => Self::Conflict,
            // What the adapter says of its own comes as text.
            DbErr::Custom(text) if text.contains("was changed by others") => Self::Conflict,
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => of_driver(&error, cause),
            _ => Self::Unexpected(error.to_string()),
        }
    }
}

fn of_driver(error: &DbErr, cause: &sqlx::Error) -> Outcome {
    match cause {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            Outcome::Unreachable
        }
        sqlx::Error::Database(_)
            if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
        {
            Outcome::Conflict
        }
        sqlx::Error::Database(answer) => match answer.code().as_deref() {
            Some(code) if CONFLICTS.contains(&code) => Outcome::Conflict,
            Some(code) if ENDS.iter().any(|end| code.starts_with(end)) => Outcome::Unreachable,
            _ => Outcome::Unexpected(error.to_string()),
        },
        _ => Outcome::Unexpected(error.to_string()),
    }
}

/// SQLSTATE of a serialization failure (MariaDB: also a deadlock), and PostgreSQL's of a deadlock.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// How SQLSTATE begins when a connection ends; when PostgreSQL shuts down, crashes or starts; when MariaDB does.
const ENDS: [&str; 3] = ["08", "57P", "70100"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_explains_keeps_its_words_on_one_line() {
        let outcome = Outcome::from(DbErr::Json("not\nJSON".to_owned()));
        assert_eq!(outcome.to_string(), "unexpected: Json Error: not JSON");
        assert_eq!(
            Outcome::from(DbErr::RecordNotUpdated).to_string(),
            "conflict"
        );
    }
}
