//! The node: RabbitMQ itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{VARIABLE, ctl};
use crate::error::Error;
use crate::services::env_file::EnvFile;
use crate::services::server::{Place, Server};
use crate::services::{apt, port, probe, programs};

pub(crate) const NAME: &str = "rabbitmq";
pub(crate) const ACCOUNT: &str = "rabbitmq";

/// What a client of AMQP 0-9-1 says first, and the type of frame that the server answers with.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
const METHOD: u8 = 1;

/// Alarms that stop publishers only come where a test asks for them, however small and full the machine is.
const CONFIG: &str = "vm_memory_high_watermark.relative = 0.9\ndisk_free_limit.absolute = 1MB\n";

/// Other nodes and tools reach the node on 127.0.0.1 only.
const LOOPBACK: &str = "-kernel inet_dist_use_interface {127,0,0,1}";

/// A private node that is known to the epmd on that port.
pub(crate) struct Node {
    pub(crate) epmd: u16,
}

impl Server for Node {
    fn name(&self) -> &'static str {
        NAME
    }

    fn account(&self) -> &'static str {
        ACCOUNT
    }

    fn install(&self) -> Result<(), Error> {
        Programs::find_or_install().map(drop)
    }

    fn prepare(&self, place: &Place) -> Result<(), Error> {
        for (name, text) in [("rabbitmq.conf", CONFIG), ("enabled_plugins", "[].\n")] {
            let file = place.home.join(name);
            fs::write(&file, text).map_err(Error::io("write", &file))?;
        }
        let tool = Programs::find_or_install()?.scripts.join("rabbitmqctl");
        ctl::write(&place.home, &tool, &self.environment(place))
    }

    fn command(&self, place: &Place) -> Result<Command, Error> {
        let scripts = Programs::find_or_install()?.scripts;
        let mut server = place.command(&scripts.join("rabbitmq-server"));
        let environment = self.environment(place);
        server.env_clear().envs(environment.entries());
        let distribution = port::free().map_err(Error::io("find a free port for", &place.home))?;
        server.env("RABBITMQ_DIST_PORT", distribution.to_string());
        // The script then becomes the server, instead of waiting for it as its child.
        server.env("RUNNING_UNDER_SYSTEMD", "true");
        Ok(server)
    }

    fn answers(&self, port: u16) -> bool {
        probe::ask(port, HEADER).is_ok_and(|[frame]| frame == METHOD)
    }
}

impl Node {
    /// All that the server and its tools are told; nothing of the user's or the system's RabbitMQ reaches them.
    fn environment(&self, place: &Place) -> EnvFile {
        let path = std::env::var("PATH").unwrap_or_default();
        let words = [
            ("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin")),
            ("LANG", "C.UTF-8".to_owned()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("ERL_EPMD_PORT", self.epmd.to_string()),
            (
                "RABBITMQ_NODENAME",
                format!("celerysalt-{}@localhost", place.port),
            ),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODE_PORT", place.port.to_string()),
            ("RABBITMQ_LOGS", "-".to_owned()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", LOOPBACK.to_owned()),
        ];
        let files = FILES.map(|(key, name)| (key, place.home.join(name).display().to_string()));
        words.into_iter().chain(files).collect()
    }
}

/// The server's files and folders, by their place in its home. The cookie that its tools need is in `HOME`.
const FILES: [(&str, &str); 9] = [
    ("HOME", ""),
    ("RABBITMQ_MNESIA_BASE", "mnesia"),
    ("RABBITMQ_LOG_BASE", "logs"),
    ("RABBITMQ_SCHEMA_DIR", "schema"),
    ("RABBITMQ_PID_FILE", "pid"),
    ("RABBITMQ_CONFIG_FILE", "rabbitmq"),
    ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
    ("RABBITMQ_CONF_ENV_FILE", "rabbitmq-env.conf"),
    ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
];

/// RabbitMQ's own scripts, not those that Debian puts before them in `PATH`, and epmd.
pub(crate) struct Programs {
    scripts: PathBuf,
    pub(crate) epmd: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        let needed = ["rabbitmq-server", "rabbitmqctl"];
        let debian = Path::new("/usr/lib/rabbitmq/bin").to_owned();
        let scripts = programs::find_folder(&needed, [debian])?;
        let epmd = programs::find("epmd")?;
        Some(Self { scripts, epmd })
    }

    pub(crate) fn find_or_install() -> Result<Self, Error> {
        let missing = Error::MissingPrograms {
            programs: "rabbitmq-server, rabbitmqctl and Erlang's epmd were",
            package: "RabbitMQ (Debian and Fedora: rabbitmq-server, Homebrew: rabbitmq)",
            variable: VARIABLE,
        };
        let install = || apt::install(&["rabbitmq-server"]);
        apt::find_or_install(Self::find, install, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::runner::Runner;

    #[test]
    fn every_path_of_the_node_is_in_its_home() {
        let place = Place {
            runner: Runner::Myself,
            home: PathBuf::from("/the/home"),
            port: 5673,
        };
        let environment = Node { epmd: 4370 }.environment(&place);
        for (key, _) in FILES {
            let path = environment.value(key).unwrap_or_default();
            assert!(path.starts_with("/the/home/"), "{key}={path}");
        }
        let name = environment.value("RABBITMQ_NODENAME");
        assert_eq!(name, Some("celerysalt-5673@localhost"));
        assert_eq!(environment.value("ERL_EPMD_PORT"), Some("4370"));
    }
}
