//! Each feature alone: features are additive, so every crate compiles with any one of them, and with none. Its docs hold with
//! the features that it has by default, too.

use crate::error::Error;
use crate::metadata::{Metadata, Package};
use crate::{process, workspace};

/// Checks every member without features, then with each of its features alone.
pub(crate) fn check_each_alone() -> Result<(), Error> {
    let metadata = Metadata::load()?;
    let selections = metadata.packages.iter().flat_map(selections);
    selections.into_iter().try_for_each(|args| {
        let mut cargo = workspace::cargo();
        process::run(cargo.arg("check").args(args))
    })?;
    let with_features = metadata.packages.iter().filter(|p| !p.features.is_empty());
    with_features.into_iter().try_for_each(document)
}

/// Docs with the default features: links to what another feature brings are broken there.
fn document(package: &Package) -> Result<(), Error> {
    let mut cargo = workspace::cargo();
    let scope = ["doc", "--no-deps", "-p", package.name.as_str()];
    process::run(cargo.args(scope).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The arguments that select a package with no feature, then with each one.
fn selections(package: &Package) -> Vec<Vec<&str>> {
    let bare = vec!["-p", package.name.as_str(), "--no-default-features"];
    let alone = package.features.keys().map(|feature| {
        let selected = ["--features", feature];
        [bare.as_slice(), &selected].concat()
    });
    std::iter::once(bare.clone()).chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_stands_alone() -> Result<(), Error> {
        let package: Package = serde_json::from_str(
            r#"{
                "name": "demo",
                "features": { "sqlite": ["dep:x"], "default": [], "postgres": [] },
                "manifest_path": "/demo/Cargo.toml"
            }"#,
        )?;
        let lines: Vec<_> = selections(&package)
            .iter()
            .map(|args| args.join(" "))
            .collect();
        let expected = [
            "-p demo --no-default-features",
            "-p demo --no-default-features --features default",
            "-p demo --no-default-features --features postgres",
            "-p demo --no-default-features --features sqlite",
        ];
        assert_eq!(lines, expected);
        Ok(())
    }
}
