//! Every example runs, and runs again over what its first run left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::metadata::Metadata;
use crate::{folder, process, workspace};

/// The example that the README opens with, by a command of cargo's.
const OPENS_THE_README: &str = "quickstart";

/// Runs each crate under `examples/` twice, in an empty folder of its own, so that nothing it keeps litters the
/// checkout.
///
/// They are built together and as the tests are, which spares a build of all dependencies for each. So each has a test in
/// its `tests` folder: for that cargo builds the program.
pub(crate) fn run_each_twice() -> Result<(), Error> {
    let metadata = Metadata::load()?;
    workspace::build_as_tests_are()?;
    for manifest in manifests(&workspace::root().join("examples"))? {
        let package = metadata.package_at(&manifest);
        let package = package.ok_or_else(|| Error::UnlistedExample(manifest.clone()))?;
        run_twice(&package.name, &metadata.target_directory)?;
    }
    Ok(())
}

/// The `Cargo.toml` of each folder, in the folders' order.
fn manifests(examples: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(examples).map_err(Error::io("list", examples))?;
    let folders = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut folders: Vec<_> = folders
        .collect::<Result<_, _>>()
        .map_err(Error::io("list", examples))?;
    folders.sort();
    let manifests = folders.into_iter().map(|folder| folder.join("Cargo.toml"));
    Ok(manifests.filter(|manifest| manifest.is_file()).collect())
}

fn run_twice(name: &str, target: &Path) -> Result<(), Error> {
    // Under the workspace, so that cargo finds it and its configuration from there.
    let folder = workspace::state("xtask").join("examples").join(name);
    folder::remove(&folder)?;
    fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    for _ in 0..2 {
        process::run(command(name, target).current_dir(&folder))?;
    }
    folder::remove(&folder)
}

fn command(name: &str, target: &Path) -> Command {
    if name != OPENS_THE_README {
        return Command::new(target.join("debug").join(name));
    }
    let mut cargo = workspace::cargo();
    cargo.args(["run", "-p", name]);
    cargo.arg("--target-dir").arg(target);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_with_a_crate_are_examples() -> Result<(), Box<dyn std::error::Error>> {
        let examples = tempfile::tempdir()?;
        for name in ["second", "first", "notes"] {
            fs::create_dir(examples.path().join(name))?;
        }
        fs::write(examples.path().join("README.md"), "")?;
        let expected =
            ["first", "second"].map(|name| examples.path().join(name).join("Cargo.toml"));
        for manifest in &expected {
            fs::write(manifest, "")?;
        }
        assert_eq!(manifests(examples.path())?, expected);
        Ok(())
    }
}
