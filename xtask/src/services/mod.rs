//! `cargo xtask services`: private servers for the tests, on 127.0.0.1 only, and the Python of the peers.
//!
//! A service is a file in this folder that implements [`Service`] and a line in [`SERVICES`]. What runs is
//! recorded under `target/services`, so that a later call finds it again.

pub(crate) mod apt;
mod env_file;
mod home;
mod instance;
mod log;
mod mariadb;
mod port;
mod postgres;
mod probe;
mod programs;
mod python;
mod rabbitmq;
mod redis;
mod runner;
pub(crate) mod server;
mod service;
mod state;
mod temporary_file;

use clap::Subcommand;

pub(crate) use self::instance::{Instance, Signal};
pub(crate) use self::mariadb::MariaDb;
pub(crate) use self::postgres::Postgres;
pub(crate) use self::service::HasUrl;
pub(crate) use self::state::State;

use self::env_file::EnvFile;
use self::service::{Available, Service};
use crate::error::Error;

const SERVICES: &[&dyn Service] = &[
    &postgres::Postgres,
    &mariadb::MariaDb,
    &rabbitmq::RabbitMq,
    &redis::Redis,
    &python::Python,
];

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

/// Makes every service available: the user's own if its variable is set, else what an earlier call left, else a
/// fresh one.
pub(crate) fn up() -> Result<Running, Error> {
    let state = State::open()?;
    let _lock = state.lock()?;
    let mut running = Running::default();
    for service in SERVICES {
        match Available::make(*service, &state) {
            Ok(available) => running.add(*service, &available),
            Err(error) => {
                running.stop(&state)?;
                return Err(error);
            }
        }
    }
    running.env.save(&state.env_file())?;
    Ok(running)
}

/// The services after [`up`].
#[derive(Default)]
pub(crate) struct Running {
    env: EnvFile,
    started: Vec<(&'static dyn Service, EnvFile)>,
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
        for (service, variables) in &self.started {
            stop_one(*service, state)?;
            left.unset_all(variables);
        }
        if left.is_empty() {
            return EnvFile::remove(&state.env_file());
        }
        left.save(&state.env_file())
    }

    fn add(&mut self, service: &'static dyn Service, available: &Available) {
        eprintln!("{}: {}", service.name(), available.description(service));
        if let Available::Started(variables) = available {
            self.started.push((service, variables.clone()));
        }
        self.env.set_all(available.variables());
    }
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
    use super::service::Fake;
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// What is up after a call that started the fake service.
    fn started() -> Running {
        let mut running = Running::default();
        let variables = [("FAKE_URL", "fake://started"), ("FAKE_TOOL", "/fake")];
        let available = Available::Started(variables.into_iter().collect());
        running.add(&Fake { running: false }, &available);
        running
    }

    #[test]
    fn stopping_leaves_what_ran_before() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let mut running = started();
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
        let running = started();
        running.env.save(&state.env_file())?;
        running.stop(&state)?;
        assert_eq!(EnvFile::load(&state.env_file())?, None);
        Ok(())
    }
}
