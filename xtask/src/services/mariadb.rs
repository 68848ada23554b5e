//! MariaDB: a private server whose root, without a password on 127.0.0.1, may create databases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{Place, Server};
use super::service::HasUrl;
use super::{apt, probe, programs};
use crate::error::Error;
use crate::process;

const VARIABLE: &str = "CELERYSALT_TEST_MARIADB_URL";
const DATABASE: &str = "celerysalt";

/// How the server differs from MariaDB's own settings. A commit is written to the log file at once, as in
/// production; without a sync of the file only a crash of the machine could lose one. The path of the socket is
/// relative to the data, since a system limits its length.
const SETTINGS: &[&str] = &[
    "--bind-address=127.0.0.1",
    "--socket=socket",
    "--max-connections=200",
    "--character-set-server=utf8mb4",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=64M",
];

/// The first byte after the header of a server's greeting: the version of the protocol.
const GREETING: u8 = 10;

/// The MariaDB service.
pub(crate) struct MariaDb;

impl Server for MariaDb {
    fn name(&self) -> &'static str {
        "mariadb"
    }

    fn account(&self) -> &'static str {
        "mysql"
    }

    fn install(&self) -> Result<(), Error> {
        Programs::find_or_install().map(drop)
    }

    fn prepare(&self, place: &Place) -> Result<(), Error> {
        let file = database(place);
        let create = format!("CREATE DATABASE IF NOT EXISTS {DATABASE};\n");
        fs::write(&file, create).map_err(Error::io("write", &file))?;
        let mut install = place.command(&Programs::find_or_install()?.install);
        install.args(["--no-defaults", "--skip-test-db"]);
        install.arg("--auth-root-authentication-method=normal");
        install.arg(option("--datadir", &data(place)));
        process::output(&mut install).map(drop)
    }

    fn command(&self, place: &Place) -> Result<Command, Error> {
        let mut server = place.command(&Programs::find_or_install()?.server);
        server.arg("--no-defaults").args(SETTINGS);
        server.arg(format!("--port={}", place.port));
        server.arg(option("--datadir", &data(place)));
        server.arg(option("--tmpdir", &place.home));
        server.arg(option("--pid-file", &place.home.join("pid")));
        server.arg(option("--init-file", &database(place)));
        Ok(server)
    }

    fn answers(&self, port: u16) -> bool {
        probe::ask(port, b"").is_ok_and(|[_, _, _, _, version]| version == GREETING)
    }
}

impl HasUrl for MariaDb {
    fn variable(&self) -> &'static str {
        VARIABLE
    }

    fn url(&self, port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/{DATABASE}")
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

fn data(place: &Place) -> PathBuf {
    place.home.join("data")
}

/// The statements that the server runs before it lets anybody in.
fn database(place: &Place) -> PathBuf {
    place.home.join("database.sql")
}

struct Programs {
    install: PathBuf,
    server: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        let install = programs::find("mariadb-install-db")?;
        let server = programs::find("mariadbd")?;
        Some(Self { install, server })
    }

    fn find_or_install() -> Result<Self, Error> {
        let missing = Error::MissingPrograms {
            programs: "MariaDB's mariadbd and mariadb-install-db were",
            package: "MariaDB's server, 10.6 or newer (Debian and Fedora: mariadb-server, Homebrew: mariadb)",
            variable: VARIABLE,
        };
        let install = || apt::install(&["mariadb-server"]);
        apt::find_or_install(Self::find, install, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_on_the_loopback_address() {
        assert_eq!(MariaDb.url(3307), "mysql://root@127.0.0.1:3307/celerysalt");
    }
}
