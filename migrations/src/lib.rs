//! CelerySalt's tables, one set of SQL per dialect.
//!
//! Every statement may run again on a database that already has it, so applying twice is harmless and a
//! newer version of this crate brings an older database up to date.
//!
//! | you migrate with | call |
//! |---|---|
//! | plain SQL, psql, mysql | [`up_sql`], or the files of [`migrations`] one by one; `celerysalt migrations print` |
//! | sqlx | `celerysalt_migrations::sqlx::migrator(dialect).run(&pool)` (feature `sqlx`) |
//! | Diesel | `db.run_pending_migrations(celerysalt_migrations::diesel::source(dialect))` (feature `diesel`) |
//! | SeaORM | `celerysalt_migrations::sea_orm::up(manager.get_connection())` in your `MigrationTrait::up` (feature `sea-orm`) |
//!
//! Whether the tables of models, and these, are what saves need, [`check`] tells.
//!
//! ```
//! use celerysalt_migrations::{Dialect, up_sql};
//!
//! assert!(up_sql(Dialect::Postgres).contains("celerysalt_outbox"));
//! ```

pub mod check;
#[cfg(feature = "diesel")]
pub mod diesel;
#[cfg(feature = "sea-orm")]
pub mod sea_orm;
#[cfg(feature = "sqlx")]
pub mod sqlx;

/// A database's kind of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// MySQL 8.0.16 and newer, MariaDB 10.6 and newer.
    Mysql,
    /// PostgreSQL 12 and newer.
    Postgres,
    /// SQLite 3.35 and newer.
    Sqlite,
}

impl Dialect {
    /// Every dialect that there is SQL for.
    pub const ALL: &[Self] = &[Self::Mysql, Self::Postgres, Self::Sqlite];
}

/// One step of the tables' history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// Its place in the history: 1, 2, …
    pub version: i64,
    /// What it is about.
    pub name: &'static str,
    /// The statements that make the step; may be run again without harm.
    pub up: &'static str,
    /// The statements that take it back, with all data; may be run again without harm.
    pub down: &'static str,
}

/// All migrations of a dialect, oldest first.
pub fn migrations(dialect: Dialect) -> &'static [Migration] {
    match dialect {
        Dialect::Mysql => MYSQL,
        Dialect::Postgres => POSTGRES,
        Dialect::Sqlite => SQLITE,
    }
}

/// All migrations as one script.
pub fn up_sql(dialect: Dialect) -> String {
    up_sql_after(dialect, 0)
}

/// The migrations after this version as one script: what an update of this crate brings.
pub fn up_sql_after(dialect: Dialect, version: i64) -> String {
    let steps = migrations(dialect).iter();
    join(steps.filter(|m| m.version > version).map(|m| m.up))
}

/// One script that takes all migrations back, newest first. It deletes the tables with their data.
pub fn down_sql(dialect: Dialect) -> String {
    down_sql_after(dialect, 0)
}

/// One script that takes the migrations after this version back, newest first, with their data.
pub fn down_sql_after(dialect: Dialect, version: i64) -> String {
    let steps = migrations(dialect).iter().rev();
    join(steps.filter(|m| m.version > version).map(|m| m.down))
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.collect::<Vec<_>>().join("\n")
}

/// The history, told once: every dialect has the same steps.
macro_rules! history {
    ($dialect:literal) => {
        &[
            history!($dialect, 1, "0001_outbox", "outbox"),
            history!($dialect, 2, "0002_rules", "rules"),
            history!($dialect, 3, "0003_transitions", "transitions"),
            history!($dialect, 4, "0004_inbox", "inbox"),
        ]
    };
    ($dialect:literal, $version:literal, $file:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            up: include_str!(concat!("../sql/", $dialect, "/", $file, ".up.sql")),
            down: include_str!(concat!("../sql/", $dialect, "/", $file, ".down.sql")),
        }
    };
}

static MYSQL: &[Migration] = history!("mysql");
static POSTGRES: &[Migration] = history!("postgres");
static SQLITE: &[Migration] = history!("sqlite");

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up() {
        for &dialect in Dialect::ALL {
            for (expected, migration) in (1..).zip(migrations(dialect)) {
                assert_eq!(migration.version, expected);
            }
        }
    }

    #[test]
    fn a_script_has_every_step_in_order() {
        for &dialect in Dialect::ALL {
            let steps = migrations(dialect);
            let [first, .., last] = steps else {
                panic!("{steps:?}")
            };
            assert!(up_sql(dialect).starts_with(first.up));
            assert!(up_sql(dialect).ends_with(last.up));
            assert!(down_sql(dialect).starts_with(last.down));
            assert!(down_sql(dialect).ends_with(first.down));
            assert!(up_sql_after(dialect, first.version).starts_with(steps[1].up));
            assert!(down_sql_after(dialect, first.version).ends_with(steps[1].down));
            assert_eq!(up_sql_after(dialect, last.version), "");
        }
    }
}
