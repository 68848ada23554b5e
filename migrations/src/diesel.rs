//! The migrations for `diesel_migrations`, and whatever else runs a Diesel `MigrationSource`.
//!
//! ```
//! use celerysalt_migrations::{Dialect, diesel::source};
//! use diesel::{Connection, SqliteConnection};
//! use diesel_migrations::MigrationHarness;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let mut db = SqliteConnection::establish(":memory:")?;
//! db.run_pending_migrations(source(Dialect::Sqlite))?;
//! # Ok(()) }
//! ```
//!
//! With diesel-async, hand the same source to its `AsyncMigrationHarness`.

use std::fmt;

use diesel::backend::Backend;
use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result,
};

use crate::Dialect;

/// The migrations of a dialect, which must be that of the connection that runs them.
///
/// Diesel keeps one history for all migrations of a database. The versions of these begin with zeros, so that they
/// sort before those that the `diesel` command makes, and `diesel migration redo` means yours. To revert with the
/// harness, use [`and`](Source::and): it refuses a source that does not know all that was applied.
pub const fn source(dialect: Dialect) -> Source {
    Source(dialect)
}

/// A source of CelerySalt's migrations; see [`source`].
#[derive(Debug, Clone, Copy)]
pub struct Source(Dialect);

impl Source {
    /// These migrations and your own, as one source.
    ///
    /// ```
    /// use celerysalt_migrations::{Dialect, diesel::source};
    /// use diesel::migration::{MigrationSource, Result};
    /// use diesel::{SqliteConnection, sqlite::Sqlite};
    /// use diesel_migrations::MigrationHarness;
    ///
    /// fn redo_all(db: &mut SqliteConnection, own: impl MigrationSource<Sqlite> + Copy) -> Result<()> {
    ///     db.revert_all_migrations(source(Dialect::Sqlite).and(own))?;
    ///     db.run_pending_migrations(source(Dialect::Sqlite).and(own))?;
    ///     Ok(())
    /// }
    /// ```
    pub fn and<S>(self, own: S) -> Both<S> {
        Both(self, own)
    }
}

/// CelerySalt's migrations and those of another source; see [`Source::and`].
#[derive(Debug, Clone, Copy)]
pub struct Both<S>(Source, S);

impl<DB: Backend> MigrationSource<DB> for Source {
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<DB>>>> {
        let steps = crate::migrations(self.0).iter();
        Ok(steps.map(|step| boxed(Step::of(step))).collect())
    }
}

impl<DB: Backend, S: MigrationSource<DB>> MigrationSource<DB> for Both<S> {
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<DB>>>> {
        let mut all = self.0.migrations()?;
        all.extend(self.1.migrations()?);
        Ok(all)
    }
}

fn boxed<DB: Backend>(step: Step) -> Box<dyn Migration<DB>> {
    Box::new(step)
}

struct Step {
    sql: &'static crate::Migration,
    name: Name,
}

struct Name {
    version: String,
    about: &'static str,
}

impl Step {
    fn of(sql: &'static crate::Migration) -> Self {
        let name = Name {
            version: format!("{:014}_celerysalt", sql.version),
            about: sql.name,
        };
        Self { sql, name }
    }
}

impl<DB: Backend> Migration<DB> for Step {
    fn run(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        Ok(conn.batch_execute(self.sql.up)?)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<DB>) -> Result<()> {
        Ok(conn.batch_execute(self.sql.down)?)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        &self.name
    }
}

impl MigrationMetadata for Step {}

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(&self.version)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.version, self.about)
    }
}
