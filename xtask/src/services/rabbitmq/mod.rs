//! RabbitMQ: a private node with a private epmd, Erlang's register of nodes, so that the system's own is neither
//! used nor left behind.

mod ctl;
mod epmd;
mod node;

use self::epmd::Epmd;
use self::node::Node;
use super::env_file::EnvFile;
use super::instance::Instance;
use super::server;
use super::service::Service;
use super::state::State;
use crate::error::Error;

const VARIABLE: &str = "CELERYSALT_TEST_RABBITMQ_URL";

/// The path of a script that is rabbitmqctl for this node.
const CTL_VARIABLE: &str = "CELERYSALT_TEST_RABBITMQCTL";

/// The RabbitMQ service.
pub(crate) struct RabbitMq;

impl Service for RabbitMq {
    fn name(&self) -> &'static str {
        node::NAME
    }

    fn variable(&self) -> &'static str {
        VARIABLE
    }

    fn running(&self, state: &State) -> Result<Option<EnvFile>, Error> {
        let Some(epmd) = server::running(&Epmd, state)? else {
            return Ok(None);
        };
        let node = server::running(&Node { epmd: epmd.port }, state)?;
        Ok(node.map(|node| variables(&node)))
    }

    fn start(&self, state: &State) -> Result<EnvFile, Error> {
        // A node that an earlier call left speaks to that call's epmd.
        self.stop(state)?;
        let epmd = server::start(&Epmd, state)?;
        let node = server::start(&Node { epmd: epmd.port }, state);
        if node.is_err() {
            server::stop(&Epmd, state)?;
        }
        node.map(|node| variables(&node))
    }

    fn stop(&self, state: &State) -> Result<bool, Error> {
        // No port is needed to stop a node.
        let node = server::stop(&Node { epmd: 0 }, state)?;
        let epmd = server::stop(&Epmd, state)?;
        Ok(node || epmd)
    }
}

fn variables(node: &Instance) -> EnvFile {
    let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", node.port);
    let ctl = ctl::script(&node.home).display().to_string();
    [(VARIABLE, url), (CTL_VARIABLE, ctl)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn tests_find_the_node_and_its_tool() {
        let node = Instance {
            pid: 1,
            port: 5673,
            home: PathBuf::from("/home of it"),
        };
        assert_eq!(
            variables(&node).exports(),
            "export CELERYSALT_TEST_RABBITMQCTL='/home of it/rabbitmqctl'\n\
             export CELERYSALT_TEST_RABBITMQ_URL=amqp://guest:guest@127.0.0.1:5673/%2f\n"
        );
    }

    #[test]
    fn nothing_recorded_means_nothing_runs() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        assert_eq!(RabbitMq.running(&state)?, None);
        assert!(!RabbitMq.stop(&state)?);
        Ok(())
    }
}
