//! `cargo xtask services`: private servers for the tests, on 127.0.0.1 only.
//!
//! A service is a file in this folder that implements [`Service`] and a line in [`SERVICES`]. What runs is
//! recorded under `target/services`, so that a later call finds it again.

mod apt;
mod env_file;
mod home;
mod instance;
mod log;
mod port;
mod postgres;
mod runner;
mod state;

use std::env;

use clap::Subcommand;

use self::env_file::EnvFile;
use self::state::State;
use crate::error::Error;

const SERVICES: &[&dyn Service] = &[&postgres::Postgres];

/// What to do with the services.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Start what does not run yet; install it first where that is possible
    Up,
    /// Stop what `up` started and remove its data
    Down,
    /// Print `export KEY=VALUE` lines, as for `eval "$(cargo xtask services env)"`
    Env,
}

/// Runs `cargo xtask services …`.
pub(crate) fn run(action: &Action) -> Result<(), Error> {
    match action {
        Action::Up => up().map(drop),
        Action::Down => down(),
        Action::Env => print_env(),
    }
}

/// Makes every service available: the user's own server if its variable is set, else the instance of an earlier
/// call, else a fresh one.
pub(crate) fn up() -> Result<Running, Error> {
    let state = State::open()?;
    let _lock = state.lock()?;
    let mut running = Running::default();
    for service in SERVICES {
        match make_available(*service, &state, given_url(service.variable())) {
            Ok(availability) => running.add(*service, availability),
            Err(error) => {
                running.stop(&state)?;
                return Err(error);
            }
        }
    }
    running.env.save(&state.env_file())?;
    Ok(running)
}

/// One kind of server that the tests use.
trait Service: Sync {
    /// Its name in messages and in the state folder.
    fn name(&self) -> &'static str;

    /// The environment variable through which tests find its URL.
    fn variable(&self) -> &'static str;

    /// The URL of the instance that an earlier call started, if that one still answers.
    ///
    /// # Errors
    /// When the recorded state cannot be read.
    fn running(&self, state: &State) -> Result<Option<String>, Error>;

    /// Starts a fresh instance on 127.0.0.1 in place of whatever an earlier one left, and gives its URL once it
    /// answers. A failed start leaves no process and no data.
    ///
    /// # Errors
    /// When programs are missing, or the server does not answer in time.
    fn start(&self, state: &State) -> Result<String, Error>;

    /// Stops the instance that [`start`](Self::start) recorded and removes its data. Tells whether there was one.
    ///
    /// # Errors
    /// When the process outlives every signal.
    fn stop(&self, state: &State) -> Result<bool, Error>;
}

/// The services after [`up`].
#[derive(Default)]
pub(crate) struct Running {
    env: EnvFile,
    started: Vec<&'static dyn Service>,
}

impl Running {
    /// The variables that tests need.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.entries()
    }

    /// Stops what [`up`] started; what ran before keeps running.
    pub(crate) fn stop_started(&self) -> Result<(), Error> {
        let state = State::open()?;
        let _lock = state.lock()?;
        self.stop(&state)
    }

    fn stop(&self, state: &State) -> Result<(), Error> {
        let mut left = self.env.clone();
        for service in &self.started {
            stop_one(*service, state)?;
            left.unset(service.variable());
        }
        if left.is_empty() {
            return EnvFile::remove(&state.env_file());
        }
        left.save(&state.env_file())
    }

    fn add(&mut self, service: &'static dyn Service, availability: Availability) {
        eprintln!("{}: {availability}", service.name());
        if matches!(availability, Availability::Started(_)) {
            self.started.push(service);
        }
        self.env.set(service.variable(), availability.into_url());
    }
}

/// Where a service's URL comes from.
#[derive(Debug, PartialEq)]
enum Availability {
    Given(String),
    Reused(String),
    Started(String),
}

impl Availability {
    fn into_url(self) -> String {
        match self {
            Self::Given(url) | Self::Reused(url) | Self::Started(url) => url,
        }
    }
}

impl std::fmt::Display for Availability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // A server of the user's may have a password in its URL.
            Self::Given(_) => write!(f, "the server that the environment names"),
            Self::Reused(url) => write!(f, "already running at {url}"),
            Self::Started(url) => write!(f, "started at {url}"),
        }
    }
}

fn make_available(
    service: &dyn Service,
    state: &State,
    given: Option<String>,
) -> Result<Availability, Error> {
    if let Some(url) = given {
        return Ok(Availability::Given(url));
    }
    if let Some(url) = service.running(state)? {
        return Ok(Availability::Reused(url));
    }
    service.start(state).map(Availability::Started)
}

fn given_url(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|url| !url.is_empty())
}

fn down() -> Result<(), Error> {
    let state = State::open()?;
    let _lock = state.lock()?;
    for service in SERVICES {
        stop_one(*service, &state)?;
    }
    EnvFile::remove(&state.env_file())
}

fn stop_one(service: &dyn Service, state: &State) -> Result<(), Error> {
    if service.stop(state)? {
        eprintln!("{}: stopped", service.name());
    }
    Ok(())
}

fn print_env() -> Result<(), Error> {
    let path = State::open()?.env_file();
    let env = EnvFile::load(&path)?.ok_or(Error::ServicesDown)?;
    print!("{}", env.exports());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// A service that runs already or does not.
    struct Fake {
        running: bool,
    }

    impl Service for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }

        fn variable(&self) -> &'static str {
            "FAKE_URL"
        }

        fn running(&self, _: &State) -> Result<Option<String>, Error> {
            Ok(self.running.then(|| "fake://running".to_owned()))
        }

        fn start(&self, _: &State) -> Result<String, Error> {
            Ok("fake://started".to_owned())
        }

        fn stop(&self, _: &State) -> Result<bool, Error> {
            Ok(true)
        }
    }

    #[test]
    fn a_server_of_the_users_comes_first_then_one_that_runs() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let available = |running, given: Option<&str>| {
            make_available(&Fake { running }, &state, given.map(str::to_owned))
        };
        let theirs = Availability::Given("fake://theirs".to_owned());
        assert_eq!(available(true, Some("fake://theirs"))?, theirs);
        assert_eq!(
            available(true, None)?,
            Availability::Reused("fake://running".to_owned())
        );
        assert_eq!(
            available(false, None)?,
            Availability::Started("fake://started".to_owned())
        );
        Ok(())
    }

    #[test]
    fn stopping_leaves_what_ran_before() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let mut running = Running::default();
        running.add(
            &Fake { running: false },
            Availability::Started("fake://started".to_owned()),
        );
        running.env.set("OTHER_URL", "fake://other");
        running.stop(&state)?;
        let left = EnvFile::load(&state.env_file())?;
        assert_eq!(
            left.map(|env| env.exports()),
            Some("export OTHER_URL=fake://other\n".to_owned())
        );
        Ok(())
    }

    #[test]
    fn stopping_all_leaves_no_file() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let mut running = Running::default();
        running.add(
            &Fake { running: false },
            Availability::Started("fake://started".to_owned()),
        );
        running.env.save(&state.env_file())?;
        running.stop(&state)?;
        assert_eq!(EnvFile::load(&state.env_file())?, None);
        Ok(())
    }

    #[test]
    fn a_given_url_is_not_shown() {
        let given = Availability::Given("fake://user:secret@host".to_owned());
        assert!(!given.to_string().contains("secret"));
    }
}
