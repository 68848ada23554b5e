//! epmd, where Erlang's programs on a machine find each other's ports.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use super::node;
use crate::error::Error;
use crate::services::probe;
use crate::services::server::{Place, Server};

/// The question for all names, after its length.
const NAMES: &[u8] = &[0, 1, b'n'];

/// A private epmd.
pub(crate) struct Epmd;

impl Server for Epmd {
    fn name(&self) -> &'static str {
        "rabbitmq-epmd"
    }

    fn account(&self) -> &'static str {
        node::ACCOUNT
    }

    fn install(&self) -> Result<(), Error> {
        node::Programs::find_or_install().map(drop)
    }

    /// A link, so that the command line names the home.
    fn prepare(&self, place: &Place) -> Result<(), Error> {
        let link = link(place);
        let epmd = node::Programs::find_or_install()?.epmd;
        symlink(epmd, &link).map_err(Error::io("create", &link))
    }

    fn command(&self, place: &Place) -> Result<Command, Error> {
        let mut epmd = place.command(&link(place));
        epmd.args(["-address", "127.0.0.1", "-port"]);
        epmd.arg(place.port.to_string());
        Ok(epmd)
    }

    /// An answer begins with the port.
    fn answers(&self, port: u16) -> bool {
        probe::ask(port, NAMES).is_ok_and(|answer| u32::from_be_bytes(answer) == u32::from(port))
    }
}

fn link(place: &Place) -> PathBuf {
    place.home.join("epmd")
}
