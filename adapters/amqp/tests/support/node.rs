//! A RabbitMQ node of the test's own, to be stopped, killed and alarmed.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use celerysalt_amqp::{AmqpBroker, AmqpBuilder};
use tempfile::TempDir;

use super::port::free_port;

/// RabbitMQ's own scripts on Debian and its kin; elsewhere they are in `PATH`.
const DEBIAN: &str = "/usr/lib/rabbitmq/bin";

/// How long a node may take to start: Erlang's machine is slow on a busy one.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

pub(crate) struct OwnNode {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) tls_port: Option<u16>,
    epmd_port: u16,
    epmd: Child,
    server: Option<Child>,
}

impl OwnNode {
    /// Prepares a node and starts it.
    pub(crate) fn start() -> Self {
        let mut node = Self::prepared();
        node.up();
        node
    }

    /// Prepares a node that is down.
    pub(crate) fn prepared() -> Self {
        Self::configured("")
    }

    /// Prepares a node that is down, which also listens for TLS, with these `ssl_options`.
    pub(crate) fn speaking_tls(options: &str) -> Self {
        let port = free_port();
        let mut node = Self::configured(&format!(
            "listeners.ssl.default = 127.0.0.1:{port}\n{options}"
        ));
        node.tls_port = Some(port);
        node
    }

    /// Prepares a node that is down, with these lines in its `rabbitmq.conf`.
    pub(crate) fn configured(further: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let config = "vm_memory_high_watermark.relative = 0.9\ndisk_free_limit.absolute = 1MB\n";
        let config = format!("{config}{further}");
        std::fs::write(folder.path().join("rabbitmq.conf"), config).unwrap();
        // What passed from delay to delay when RabbitMQ stopped is passed on again after three minutes, unless told.
        let advanced = "[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 5000}]}].\n";
        std::fs::write(folder.path().join("advanced.config"), advanced).unwrap();
        std::fs::write(folder.path().join("plugins"), "[].\n").unwrap();
        let (port, epmd_port) = (free_port(), free_port());
        let mut epmd = Command::new("epmd");
        epmd.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]);
        let epmd = epmd
            .spawn()
            .expect("epmd comes with RabbitMQ; `cargo xtask services up` installs it");
        Self {
            folder,
            port,
            tls_port: None,
            epmd_port,
            epmd,
            server: None,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url_of("guest", "guest")
    }

    pub(crate) fn url_of(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", self.port)
    }

    pub(crate) fn builder(&self) -> AmqpBuilder {
        AmqpBroker::builder(&self.url())
            .unwrap()
            .connect_timeout(Duration::from_secs(5))
    }

    /// Starts the server, and waits until it takes connections.
    pub(crate) fn up(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut server = self.command("rabbitmq-server");
        // The script then becomes the server, instead of waiting for it as its child.
        server
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_DIST_PORT", free_port().to_string());
        self.server = Some(
            server
                .stdin(Stdio::null())
                .stderr(log.try_clone().unwrap())
                .stdout(log)
                .spawn()
                .unwrap(),
        );
        let begun = Instant::now();
        while !self.answers() {
            let ended = self
                .server
                .as_mut()
                .is_some_and(|server| server.try_wait().unwrap().is_some());
            assert!(
                !ended && begun.elapsed() < STARTS_WITHIN,
                "the node does not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// SIGKILL, as a crash of the machine.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Runs rabbitmqctl.
    pub(crate) fn ctl(&self, arguments: &[&str]) {
        self.tell(arguments);
    }

    /// What rabbitmqctl tells.
    pub(crate) fn tell(&self, arguments: &[&str]) -> String {
        let output = self
            .command("rabbitmqctl")
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Closes every connection, as `rabbitmqctl close_all_connections` does.
    pub(crate) fn close_connections(&self) {
        self.eval(
            "rabbit_networking:close_connections(rabbit_networking:connections(), \"a test\").",
        );
    }

    /// Has the node evaluate an expression: as `rabbitmqctl eval`, which on a busy machine takes half a minute to start.
    pub(crate) fn eval(&self, expression: &str) {
        let mut command = self.command("erl_call");
        command
            .args(["-sname", &self.name(), "-e"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let Ok(mut call) = command.spawn() else {
            // An Erlang that does not have it where programs are found.
            return self.ctl(&["eval", expression]);
        };
        let mut stdin = call.stdin.take().unwrap();
        writeln!(stdin, "{expression}").unwrap();
        drop(stdin);
        let output = call.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.starts_with("{ok, "), "{expression}: {said}");
    }

    fn name(&self) -> String {
        format!("test-{}@localhost", self.port)
    }

    /// What it has told since it was started.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Whether it answers a client's first words.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return false;
        };
        let mut first = [0];
        let asked = stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .and_then(|()| stream.write_all(b"AMQP\x00\x00\x09\x01"));
        asked.and_then(|()| stream.read_exact(&mut first)).is_ok() && first == [1]
    }

    fn command(&self, program: &str) -> Command {
        let script = Path::new(DEBIAN).join(program);
        let mut command = Command::new(if script.exists() {
            script
        } else {
            program.into()
        });
        let at = |name: &str| self.folder.path().join(name);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("RABBITMQ_NODENAME", self.name())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_LOGS", "-")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("logs"))
            .env("RABBITMQ_SCHEMA_DIR", at("schema"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", at("no-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"));
        command
    }
}

impl Drop for OwnNode {
    fn drop(&mut self) {
        self.kill();
        // It is this test's own, and has nothing to say.
        let _ = self.epmd.kill();
        let _ = self.epmd.wait();
    }
}
