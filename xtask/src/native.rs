//! Libraries of the system that the workspace links.

use std::process::Command;

use crate::error::Error;
use crate::process;
use crate::services::apt;

/// The names under which pkg-config may know the client library of MySQL.
const CLIENT_LIBRARIES: &[&str] = &["mysqlclient", "libmariadb"];

/// Any of these tells the build where the library is without pkg-config.
const OVERRIDES: &[&str] = &["MYSQLCLIENT_LIB_DIR"];

/// Makes sure that Diesel's MySQL back end can be linked: with its library and pkg-config, which finds it.
pub(crate) fn ensure() -> Result<(), Error> {
    if OVERRIDES.iter().any(|key| std::env::var_os(key).is_some()) {
        return Ok(());
    }
    let install = || apt::install(&["libmariadb-dev", "pkg-config"]);
    apt::find_or_install(find, install, Error::MissingLibrary)
}

fn find() -> Option<()> {
    let pkg_config = std::env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let known = |library: &&&str| {
        let mut ask = Command::new(&pkg_config);
        process::output(ask.args(["--exists", library])).is_ok()
    };
    CLIENT_LIBRARIES.iter().find(known).map(drop)
}
