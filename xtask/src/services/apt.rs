//! Installing packages on Debian-like systems.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use super::runner;
use crate::error::Error;
use crate::process;

/// Whether [`install`] has a chance: apt-get is there and this process is root's.
pub(crate) fn available() -> bool {
    runner::is_root() && in_path("apt-get").is_some()
}

/// Installs a package without asking anything.
pub(crate) fn install(package: &str) -> Result<(), Error> {
    // A machine with one broken source still gets the package from another one, so only the install decides.
    if let Err(error) = process::run(apt_get().arg("update")) {
        eprintln!("warning: {error}");
    }
    process::run(apt_get().args(["install", "-y", "--no-install-recommends", package]))
}

/// The first file of that name in `PATH`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let files = env::split_paths(&path).map(|folder| folder.join(program));
    files
        .into_iter()
        .find(|file| fs::metadata(file).is_ok_and(|found| found.is_file()))
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
    fn programs_are_found_in_path() {
        assert!(in_path("sh").is_some_and(|file| file.ends_with("sh")));
        assert_eq!(in_path("no-such-program-here"), None);
    }
}
