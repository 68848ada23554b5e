//! PostgreSQL: a private cluster, trusted on 127.0.0.1, whose one user may create databases.

mod client;
mod programs;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use self::client::Client;
use super::instance::Signal;
use super::server::{Place, Server};
use super::service::HasUrl;
use crate::error::Error;
use crate::process;

const VARIABLE: &str = "CELERYSALT_TEST_POSTGRES_URL";
const USER: &str = "celerysalt";
const DATABASE: &str = "celerysalt";

/// A fast shutdown, then an immediate one.
const SIGNALS: &[Signal] = &[
    ("INT", Duration::from_secs(20)),
    ("QUIT", Duration::from_secs(10)),
];

/// How the server differs from a fresh cluster's own settings. `synchronous_commit` keeps its default, so that
/// commits behave as in production; without `fsync` only a crash of the machine could lose one.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "fsync=off",
];

/// Case rules beyond ASCII, as most production clusters have them; only Linux systems are sure to have this name.
const LOCALE: &str = if cfg!(target_os = "linux") {
    "C.UTF-8"
} else {
    "C"
};

/// The PostgreSQL service.
pub(crate) struct Postgres;

impl Server for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn account(&self) -> &'static str {
        "postgres"
    }

    fn signals(&self) -> &'static [Signal] {
        SIGNALS
    }

    fn install(&self) -> Result<(), Error> {
        programs::find_or_install().map(drop)
    }

    fn prepare(&self, place: &Place) -> Result<(), Error> {
        let mut initdb = command(place, "initdb")?;
        initdb.args(["--auth=trust", "--encoding=UTF8", "--no-sync"]);
        initdb.arg(format!("--username={USER}"));
        initdb.arg(format!("--locale={LOCALE}"));
        initdb.arg("-D").arg(data(place));
        process::output(&mut initdb).map(drop)
    }

    fn command(&self, place: &Place) -> Result<Command, Error> {
        let mut server = command(place, "postgres")?;
        server.arg("-D").arg(data(place));
        server.arg("-p").arg(place.port.to_string());
        server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        Ok(server)
    }

    fn answers(&self, port: u16) -> bool {
        let client = programs::find().map(|programs| Client::new(&programs, port));
        client.is_some_and(|client| client.answers())
    }

    fn finish(&self, port: u16) -> Result<(), Error> {
        let client = Client::new(&programs::find_or_install()?, port);
        let create = format!("create database {DATABASE}");
        client.run(&create).map(drop)
    }
}

impl HasUrl for Postgres {
    fn variable(&self) -> &'static str {
        VARIABLE
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/{DATABASE}")
    }
}

fn command(place: &Place, program: &str) -> Result<Command, Error> {
    let mut command = place.command(&programs::find_or_install()?.join(program));
    client::forget_settings(&mut command);
    Ok(command)
}

fn data(place: &Place) -> PathBuf {
    place.home.join("data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::service::Service;
    use crate::services::state::State;

    #[test]
    fn the_url_is_on_the_loopback_address() {
        let url = "postgres://celerysalt@127.0.0.1:5433/celerysalt";
        assert_eq!(Postgres.url(5433), url);
    }

    #[test]
    fn nothing_recorded_means_nothing_runs() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        assert_eq!(Postgres.running(&state)?, None);
        assert!(!Postgres.stop(&state)?);
        Ok(())
    }
}
