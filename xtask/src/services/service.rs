//! What `up` makes available: a service, and where what tests use comes from.

use std::env;

use super::env_file::EnvFile;
use super::instance::Instance;
use super::server::{self, Server};
use super::state::State;
use crate::error::Error;

/// One thing that the tests use.
pub(crate) trait Service: Sync {
    /// Its name in messages and in the state folder.
    fn name(&self) -> &'static str;

    /// The environment variable that tells where it is. A user who sets it has the service already.
    fn variable(&self) -> &'static str;

    /// The variables of what an earlier call left, if that still works.
    ///
    /// # Errors
    /// When the recorded state cannot be read.
    fn running(&self, state: &State) -> Result<Option<EnvFile>, Error>;

    /// Sets it up in place of whatever an earlier call left, and gives its variables once it works. A failure
    /// leaves no process and no data.
    ///
    /// # Errors
    /// When programs are missing, or it does not work in time.
    fn start(&self, state: &State) -> Result<EnvFile, Error>;

    /// Ends what [`start`](Self::start) recorded and removes its data. Tells whether there was something to end.
    ///
    /// # Errors
    /// When the process outlives every signal.
    fn stop(&self, state: &State) -> Result<bool, Error>;
}

/// A private server that tests find by its URL.
pub(crate) trait HasUrl: Server {
    /// The environment variable that holds the URL.
    fn variable(&self) -> &'static str;

    /// The URL of the server on a port.
    fn url(&self, port: u16) -> String;

    /// The variables for an instance.
    fn variables(&self, instance: &Instance) -> EnvFile {
        [(self.variable(), self.url(instance.port))]
            .into_iter()
            .collect()
    }
}

impl<S: HasUrl> Service for S {
    fn name(&self) -> &'static str {
        Server::name(self)
    }

    fn variable(&self) -> &'static str {
        HasUrl::variable(self)
    }

    fn running(&self, state: &State) -> Result<Option<EnvFile>, Error> {
        let instance = server::running(self, state)?;
        Ok(instance.map(|instance| self.variables(&instance)))
    }

    fn start(&self, state: &State) -> Result<EnvFile, Error> {
        let instance = server::start(self, state)?;
        Ok(self.variables(&instance))
    }

    fn stop(&self, state: &State) -> Result<bool, Error> {
        server::stop(self, state)
    }
}

/// A service that tests can use, with the variables that they find it by.
#[derive(Debug, PartialEq)]
pub(crate) enum Available {
    /// The user's own.
    Given(EnvFile),
    /// From an earlier call.
    Reused(EnvFile),
    /// From this call.
    Started(EnvFile),
}

impl Available {
    /// The user's own if its variable is set, else what an earlier call left, else a fresh one.
    pub(crate) fn make(service: &dyn Service, state: &State) -> Result<Self, Error> {
        let given = env::var(service.variable());
        Self::make_unless(given.ok(), service, state)
    }

    /// The variables.
    pub(crate) fn variables(&self) -> &EnvFile {
        match self {
            Self::Given(variables) | Self::Reused(variables) | Self::Started(variables) => {
                variables
            }
        }
    }

    /// What to tell the user about it.
    pub(crate) fn description(&self, service: &dyn Service) -> String {
        let place = self.variables().value(service.variable());
        let place = place.unwrap_or_default();
        match self {
            // A server of the user's may have a password in its URL.
            Self::Given(_) => format!("as {} says", service.variable()),
            Self::Reused(_) => format!("ready at {place}, from an earlier call"),
            Self::Started(_) => format!("ready at {place}"),
        }
    }

    fn make_unless(
        given: Option<String>,
        service: &dyn Service,
        state: &State,
    ) -> Result<Self, Error> {
        if let Some(given) = given.filter(|given| !given.is_empty()) {
            let variables = [(service.variable(), given)];
            return Ok(Self::Given(variables.into_iter().collect()));
        }
        if let Some(variables) = service.running(state)? {
            return Ok(Self::Reused(variables));
        }
        service.start(state).map(Self::Started)
    }
}

/// A service that runs already or does not.
#[cfg(test)]
pub(crate) struct Fake {
    pub(crate) running: bool,
}

#[cfg(test)]
impl Service for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn variable(&self) -> &'static str {
        "FAKE_URL"
    }

    fn running(&self, _: &State) -> Result<Option<EnvFile>, Error> {
        let variables = [("FAKE_URL", "fake://running")].into_iter().collect();
        Ok(self.running.then_some(variables))
    }

    fn start(&self, _: &State) -> Result<EnvFile, Error> {
        Ok([("FAKE_URL", "fake://started")].into_iter().collect())
    }

    fn stop(&self, _: &State) -> Result<bool, Error> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_has_comes_first_then_what_runs() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let description = |running, given: Option<&str>| -> Result<_, Error> {
            let service = Fake { running };
            let available = Available::make_unless(given.map(str::to_owned), &service, &state)?;
            Ok(available.description(&service))
        };
        assert_eq!(
            description(true, Some("fake://theirs"))?,
            "as FAKE_URL says"
        );
        let reused = "ready at fake://running, from an earlier call";
        assert_eq!(description(true, None)?, reused);
        assert_eq!(description(false, Some(""))?, "ready at fake://started");
        Ok(())
    }
}
