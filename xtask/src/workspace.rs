//! Where things are, and how cargo is called.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::process;

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let member = env::var_os("CARGO_MANIFEST_DIR").map_or_else(built_in, PathBuf::from);
    member
        .parent()
        .map_or_else(|| member.clone(), Path::to_owned)
}

/// Where this program's `Cargo.toml` was when it was built. Two checkouts that share a target folder may share the
/// built program, so what cargo says when it runs the program comes first.
fn built_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where chores keep what they need between calls, also when `CARGO_TARGET_DIR` is elsewhere.
pub(crate) fn state(name: &str) -> PathBuf {
    root().join("target").join(name)
}

/// The cargo that runs this program, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root());
    process::forget_variables(&mut command, describes_a_package);
    command
}

/// Builds everything as the tests do, programs that have tests of their own included: after the tests nothing is left to
/// be done. (`cargo build` would compile every crate of the workspace once more.)
pub(crate) fn build_as_tests_are() -> Result<(), Error> {
    process::run(cargo().args(["test", "--workspace", "--all-features", "--no-run"]))
}

/// Whether `cargo run` told this program something about its own package: a build script that watches one of these
/// variables would run again whenever cargo is called with and without xtask in turn.
fn describes_a_package(key: &str) -> bool {
    key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("xtask/Cargo.toml").is_file());
        assert_eq!(state("services"), root().join("target/services"));
    }

    #[test]
    fn only_the_own_package_is_forgotten() {
        assert!(describes_a_package("CARGO_PKG_NAME"));
        assert!(describes_a_package("CARGO_MANIFEST_DIR"));
        assert!(!describes_a_package("CARGO_TARGET_DIR"));
        assert!(!describes_a_package("CARGO_HOME"));
    }
}
