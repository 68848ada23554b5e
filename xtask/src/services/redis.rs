//! Redis: a private server that keeps everything in memory.

use std::process::Command;

use super::server::{Place, Server};
use super::service::HasUrl;
use super::{apt, probe, programs};
use crate::error::Error;

const VARIABLE: &str = "CELERYSALT_TEST_REDIS_URL";

/// No snapshot and no log of writes; and, since Redis would otherwise rewrite its own command line, no title in
/// place of the folder by which its process is known.
const SETTINGS: &[&str] = &["--save", "", "--appendonly", "no", "--set-proc-title", "no"];

/// The Redis service.
pub(crate) struct Redis;

impl Server for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn account(&self) -> &'static str {
        "redis"
    }

    fn install(&self) -> Result<(), Error> {
        program().map(drop)
    }

    fn prepare(&self, _: &Place) -> Result<(), Error> {
        Ok(())
    }

    fn command(&self, place: &Place) -> Result<Command, Error> {
        let mut server = place.command(&program()?);
        server.args(["--bind", "127.0.0.1", "--port"]);
        server.arg(place.port.to_string());
        server.arg("--dir").arg(&place.home).args(SETTINGS);
        Ok(server)
    }

    fn answers(&self, port: u16) -> bool {
        probe::ask(port, b"PING\r\n").is_ok_and(|answer| &answer == b"+PONG")
    }
}

impl HasUrl for Redis {
    fn variable(&self) -> &'static str {
        VARIABLE
    }

    fn url(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}/0")
    }
}

fn program() -> Result<std::path::PathBuf, Error> {
    let missing = Error::MissingPrograms {
        programs: "redis-server was",
        package: "Redis 6.2 or newer (Debian: redis-server, Fedora and Homebrew: redis)",
        variable: VARIABLE,
    };
    let find = || programs::find("redis-server");
    apt::find_or_install(find, || apt::install(&["redis-server"]), missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_names_the_first_database() {
        assert_eq!(Redis.url(6380), "redis://127.0.0.1:6380/0");
    }
}
