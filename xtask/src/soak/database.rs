//! A database of the soak's own, which it may end as it likes.

use std::time::Duration;

use clap::ValueEnum;

use crate::error::Error;
use crate::services::{HasUrl, Instance, MariaDb, Postgres, Signal, State, server};
use crate::workspace;

/// Which databases.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Choice {
    /// PostgreSQL
    Postgres,
    /// MariaDB
    Mariadb,
    /// One after the other
    All,
}

impl Choice {
    /// The databases, none of which runs yet.
    pub(crate) fn databases(self) -> Vec<Database> {
        let chosen = KINDS
            .iter()
            .filter(|kind| kind.choice == self || self == Self::All);
        let databases = chosen.map(|kind| Database {
            kind,
            instance: None,
            ends: Ends::default(),
        });
        databases.collect()
    }
}

/// How a database ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// At once, without a word to its clients: it has to recover afterwards.
    Crash,
    /// In good order; clients are disconnected.
    Shutdown,
}

/// How often a database ended.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// By a crash.
    pub(crate) crashes: usize,
    /// By a shutdown.
    pub(crate) shutdowns: usize,
}

struct Kind {
    choice: Choice,
    server: &'static dyn HasUrl,
    crash: &'static [Signal],
}

const PATIENCE: Duration = Duration::from_secs(30);

const KINDS: &[Kind] = &[
    Kind {
        choice: Choice::Postgres,
        server: &Postgres,
        // The immediate shutdown: a SIGKILL would leave the server's other processes to end by themselves.
        crash: &[("QUIT", PATIENCE)],
    },
    Kind {
        choice: Choice::Mariadb,
        server: &MariaDb,
        crash: &[("KILL", PATIENCE)],
    },
];

/// A private database.
pub(crate) struct Database {
    kind: &'static Kind,
    instance: Option<Instance>,
    /// How often it was ended so far.
    pub(crate) ends: Ends,
}

impl Database {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.kind.server.name()
    }

    /// Starts a fresh one, in place of what a soak that was cut off left.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        self.instance = Some(server::start(self.kind.server, &state()?)?);
        Ok(())
    }

    /// Its URL; empty when it was not started.
    pub(crate) fn url(&self) -> String {
        let port = self.instance.as_ref().map(|instance| instance.port);
        port.map(|port| self.kind.server.url(port))
            .unwrap_or_default()
    }

    /// Ends it and starts it again over the same data.
    pub(crate) fn restart(&mut self, end: End) -> Result<(), Error> {
        let (signals, count) = match end {
            End::Crash => (self.kind.crash, &mut self.ends.crashes),
            End::Shutdown => (self.kind.server.signals(), &mut self.ends.shutdowns),
        };
        *count += 1;
        let instance = self.instance.take().ok_or(Error::ServicesDown)?;
        let restarted = server::restart(self.kind.server, &state()?, &instance, signals)?;
        self.instance = Some(restarted);
        Ok(())
    }

    /// Ends it and removes its data.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        server::stop(self.kind.server, &state()?).map(drop)
    }
}

/// Where soaks keep what they need.
pub(crate) fn state() -> Result<State, Error> {
    State::at(workspace::state("soak"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_each() {
        let names = |choice: Choice| -> Vec<_> {
            let databases = choice.databases();
            databases.iter().map(Database::name).collect()
        };
        assert_eq!(names(Choice::All), ["postgres", "mariadb"]);
        assert_eq!(names(Choice::Mariadb), ["mariadb"]);
    }
}
