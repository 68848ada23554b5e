//! Installing packages on Debian-like systems.

use std::path::Path;
use std::process::Command;
use std::sync::Once;

use super::programs;
use super::runner;
use super::temporary_file::TemporaryFile;
use crate::error::Error;
use crate::process;

/// What invoke-rc.d and systemd's helper ask before they start a daemon.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// 101 is "forbidden by policy".
const START_NOTHING: &str = "#!/bin/sh\nexit 101\n";

/// Gives what `find` finds, after `install` where that is needed and possible.
pub(crate) fn find_or_install<T>(
    find: impl Fn() -> Option<T>,
    install: impl FnOnce() -> Result<(), Error>,
    missing: Error,
) -> Result<T, Error> {
    if let Some(found) = find() {
        return Ok(found);
    }
    if available() {
        install()?;
    }
    find().ok_or(missing)
}

/// Installs packages without asking anything and without starting what is in them.
pub(crate) fn install(packages: &[&str]) -> Result<(), Error> {
    update();
    let policy = TemporaryFile::write(Path::new(POLICY), 0o755, START_NOTHING)?;
    let mut install = apt_get();
    install.args(["install", "-y", "--no-install-recommends"]);
    let outcome = process::run(install.args(packages));
    policy.map_or(Ok(()), TemporaryFile::remove)?;
    outcome
}

/// Whether [`install`] has a chance: apt-get is there and this process is root's.
fn available() -> bool {
    runner::is_root() && programs::in_path("apt-get").is_some()
}

/// Brings the list of packages up to date, once a run.
fn update() {
    static UPDATED: Once = Once::new();
    UPDATED.call_once(|| {
        // A machine with one broken source still gets the package from another one, so only the install decides.
        if let Err(error) = process::run(apt_get().arg("update")) {
            eprintln!("warning: {error}");
        }
    });
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() -> Result<(), Error> {
        let install = || Err(Error::ServicesDown);
        let found = find_or_install(|| Some(1), install, Error::ServicesDown)?;
        assert_eq!(found, 1);
        Ok(())
    }
}
