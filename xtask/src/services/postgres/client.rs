//! psql, as the cluster's own user.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::USER;
use crate::error::Error;
use crate::process;

/// Talks to the server on a port of 127.0.0.1.
pub(crate) struct Client {
    psql: PathBuf,
    port: u16,
}

impl Client {
    /// A client; connects only when used.
    pub(crate) fn new(programs: &Path, port: u16) -> Self {
        let psql = programs.join("psql");
        Self { psql, port }
    }

    /// Whether the server answers a query.
    pub(crate) fn answers(&self) -> bool {
        self.run("select 1")
            .is_ok_and(|rows| rows.trim_ascii() == b"1")
    }

    /// Runs a statement in the database that every cluster has, and gives the bare rows.
    pub(crate) fn run(&self, sql: &str) -> Result<Vec<u8>, Error> {
        let mut psql = Command::new(&self.psql);
        forget_settings(&mut psql);
        psql.env("PGCONNECT_TIMEOUT", "5")
            .env("PGSSLMODE", "disable");
        psql.args(["-h", "127.0.0.1", "-U", USER, "-d", "postgres", "-p"])
            .arg(self.port.to_string());
        psql.args([
            "--no-psqlrc",
            "--no-password",
            "-v",
            "ON_ERROR_STOP=1",
            "-qAt",
            "-c",
            sql,
        ]);
        process::output(&mut psql)
    }
}

/// Removes the user's own PostgreSQL settings (`PGDATA`, `PGOPTIONS`, …) from a program's environment.
pub(crate) fn forget_settings(command: &mut Command) {
    process::forget_variables(command, |key| key.starts_with("PG"));
}
