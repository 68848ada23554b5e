//! What `cargo metadata` says about the workspace's own packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::{process, workspace};

/// The workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// The workspace's members.
    pub(crate) packages: Vec<Package>,
    /// Where cargo builds, as an absolute path.
    pub(crate) target_directory: PathBuf,
}

/// One member.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// The crate's name.
    pub(crate) name: String,
    /// Its features, with what each switches on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Error> {
        let mut cargo = workspace::cargo();
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        Ok(serde_json::from_slice(&process::output(&mut cargo)?)?)
    }

    /// The member whose `Cargo.toml` this is.
    pub(crate) fn package_at(&self, manifest: &Path) -> Option<&Package> {
        self.packages
            .iter()
            .find(|package| package.manifest_path == manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_crate_is_a_member() -> Result<(), Error> {
        let metadata = Metadata::load()?;
        let manifest = workspace::root().join("xtask/Cargo.toml");
        let package = metadata.package_at(&manifest);
        assert_eq!(package.map(|package| package.name.as_str()), Some("xtask"));
        assert!(metadata.target_directory.is_absolute());
        Ok(())
    }
}
