//! Finding PostgreSQL's programs, or installing them.

use std::fs;
use std::path::{Path, PathBuf};

use super::VARIABLE;
use crate::error::Error;
use crate::services::temporary_file::TemporaryFile;
use crate::services::{apt, programs};

const NEEDED: &[&str] = &["initdb", "postgres", "psql"];

/// Debian keeps one folder of programs per major version here, outside `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// What keeps Debian's package from making a cluster of its own.
const NO_CLUSTER: &str = "/etc/postgresql-common/createcluster.d/celerysalt-xtask.conf";

/// The folder that holds PostgreSQL's server programs and psql, after an attempt to install what is missing.
pub(crate) fn find_or_install() -> Result<PathBuf, Error> {
    let missing = Error::MissingPrograms {
        programs: "PostgreSQL's initdb, postgres and psql were",
        package: "PostgreSQL's server (Debian: postgresql, Fedora: postgresql-server, Homebrew: postgresql)",
        variable: VARIABLE,
    };
    apt::find_or_install(find, install, missing)
}

/// Looks in `PATH`, then where distributions and builds from source put them.
pub(crate) fn find() -> Option<PathBuf> {
    let built = ["/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from);
    let versions = versions(Path::new(VERSIONS));
    programs::find_folder(NEEDED, versions.into_iter().chain(built))
}

fn install() -> Result<(), Error> {
    let setting = TemporaryFile::write(
        Path::new(NO_CLUSTER),
        0o644,
        "create_main_cluster = false\n",
    )?;
    let outcome = apt::install(&["postgresql"]);
    setting.map_or(Ok(()), TemporaryFile::remove)?;
    outcome
}

/// The folders of each major version's programs, newest first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let version = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let mut versions: Vec<(u32, PathBuf)> = numbered.collect();
    versions.sort();
    versions
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        for version in ["9", "15", "17", "notes"] {
            fs::create_dir(root.path().join(version))?;
        }
        let expected = ["17", "15", "9"].map(|version| root.path().join(version).join("bin"));
        assert_eq!(versions(root.path()), expected);
        assert!(versions(&root.path().join("missing")).is_empty());
        Ok(())
    }
}
