//! PostgreSQL: a private cluster, trusted on 127.0.0.1, whose one user may create databases.

mod client;
mod programs;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::client::Client;
use self::programs::Programs;
use super::instance::{Instance, Signal};
use super::runner::Runner;
use super::state::State;
use super::{Service, home, log, port};
use crate::error::Error;
use crate::{folder, process};

const NAME: &str = "postgres";
const VARIABLE: &str = "CELERYSALT_TEST_POSTGRES_URL";
const USER: &str = "celerysalt";
const DATABASE: &str = "celerysalt";

const READY_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

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

impl Service for Postgres {
    fn name(&self) -> &'static str {
        NAME
    }

    fn variable(&self) -> &'static str {
        VARIABLE
    }

    fn running(&self, state: &State) -> Result<Option<String>, Error> {
        let Some(instance) = Instance::load(&state.instance_file(NAME))? else {
            return Ok(None);
        };
        let client = Programs::find().map(|programs| Client::new(&programs, instance.port));
        let answers = client.is_some_and(|client| client.answers(DATABASE));
        Ok((answers && instance.is_alive()).then(|| url(instance.port)))
    }

    fn start(&self, state: &State) -> Result<String, Error> {
        self.stop(state)?;
        let programs = Programs::find_or_install()?;
        let runner = Runner::choose()?;
        let home = home::create(state, NAME, runner)?;
        let cluster = Cluster {
            programs,
            runner,
            home,
        };
        let outcome = cluster.start(&state.instance_file(NAME));
        if outcome.is_err() {
            self.stop(state)?;
            folder::remove(&cluster.home)?;
        }
        outcome.map(url)
    }

    fn stop(&self, state: &State) -> Result<bool, Error> {
        let record = state.instance_file(NAME);
        let Some(instance) = Instance::load(&record)? else {
            return Ok(false);
        };
        instance.stop(NAME, SIGNALS, &record)?;
        Ok(true)
    }
}

fn url(port: u16) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/{DATABASE}")
}

/// A cluster in the making.
struct Cluster {
    programs: Programs,
    runner: Runner,
    home: PathBuf,
}

impl Cluster {
    /// Makes the cluster, starts its server and gives the port once the database is there.
    fn start(&self, record: &Path) -> Result<u16, Error> {
        self.init()?;
        let port = port::free().map_err(Error::io("find a free port for", &self.home))?;
        let mut server = self.spawn(port)?;
        self.record(&server, port).save(record)?;
        let client = Client::new(&self.programs, port);
        self.wait_until_ready(&mut server, &client)?;
        client.run("postgres", &format!("create database {DATABASE}"))?;
        Ok(port)
    }

    fn init(&self) -> Result<(), Error> {
        let mut initdb = self.command("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--no-sync"]);
        initdb.arg(format!("--username={USER}"));
        initdb.arg(format!("--locale={LOCALE}"));
        initdb.arg("-D").arg(self.data());
        process::output(&mut initdb).map(drop)
    }

    fn spawn(&self, port: u16) -> Result<Child, Error> {
        let log = File::create(self.log()).map_err(Error::io("create", &self.log()))?;
        let errors = log.try_clone().map_err(Error::io("open", &self.log()))?;
        let mut server = self.command("postgres");
        server
            .arg("-D")
            .arg(self.data())
            .arg("-p")
            .arg(port.to_string());
        server.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        server.stdin(Stdio::null()).stdout(log).stderr(errors);
        // A group of its own, so that Ctrl-C in the terminal is not for the server.
        std::os::unix::process::CommandExt::process_group(&mut server, 0);
        server.spawn().map_err(|source| Error::Spawn {
            command: process::line(&server),
            source,
        })
    }

    fn record(&self, server: &Child, port: u16) -> Instance {
        Instance {
            pid: server.id(),
            port,
            home: self.home.clone(),
        }
    }

    fn wait_until_ready(&self, server: &mut Child, client: &Client) -> Result<(), Error> {
        let start = Instant::now();
        while !client.answers("postgres") {
            if has_ended(server) {
                return Err(self.not_ready("ended instead of starting"));
            }
            if start.elapsed() > READY_WITHIN {
                return Err(self.not_ready("did not answer in time"));
            }
            sleep(PAUSE);
        }
        // Whoever answered on this port is only ours if our process did not give the port up.
        if has_ended(server) {
            return Err(self.not_ready("ended instead of starting"));
        }
        Ok(())
    }

    fn not_ready(&self, problem: &'static str) -> Error {
        Error::NotReady {
            service: NAME,
            problem,
            log: log::tail(&self.log()),
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.runner.command(self.programs.path(program));
        command.current_dir(&self.home);
        client::forget_settings(&mut command);
        command
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn log(&self) -> PathBuf {
        self.home.join("log")
    }
}

fn has_ended(server: &mut Child) -> bool {
    !matches!(server.try_wait(), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_on_the_loopback_address() {
        assert_eq!(url(5433), "postgres://celerysalt@127.0.0.1:5433/celerysalt");
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
