//! Finding PostgreSQL's programs, or installing them.

use std::fs;
use std::path::{Path, PathBuf};

use super::VARIABLE;
use crate::error::Error;
use crate::services::apt;

const NEEDED: &[&str] = &["initdb", "postgres", "psql"];

/// Debian keeps one folder of programs per major version here, outside `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The folder that holds PostgreSQL's server programs and psql.
#[derive(Debug, PartialEq)]
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Looks in `PATH`, then where distributions and builds from source put them.
    pub(crate) fn find() -> Option<Self> {
        let in_path = apt::in_path("initdb").and_then(|program| real_folder(&program));
        let usual = ["/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from);
        let versions = versions(Path::new(VERSIONS));
        let mut folders = in_path.into_iter().chain(versions).chain(usual);
        folders
            .find(|folder| is_complete(folder))
            .map(|folder| Self { folder })
    }

    /// The same, after an attempt to install what is missing.
    pub(crate) fn find_or_install() -> Result<Self, Error> {
        if let Some(programs) = Self::find() {
            return Ok(programs);
        }
        if apt::available() {
            install()?;
        }
        Self::find().ok_or(Error::MissingPrograms {
            programs: "PostgreSQL's initdb, postgres and psql were",
            package: "PostgreSQL's server (Debian: postgresql, Fedora: postgresql-server, Homebrew: postgresql)",
            variable: VARIABLE,
        })
    }

    /// One of the programs.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// Installs Debian's package, kept from making and starting a cluster of its own.
fn install() -> Result<(), Error> {
    let setting = NoMainCluster::write(Path::new("/etc/postgresql-common/createcluster.d"))?;
    let outcome = apt::install("postgresql");
    setting.remove()?;
    outcome
}

/// A setting for Debian's postgresql-common, there while the package is installed.
struct NoMainCluster {
    file: PathBuf,
}

impl NoMainCluster {
    fn write(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("celerysalt-xtask.conf");
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        fs::write(&file, "create_main_cluster = false\n").map_err(Error::io("write", &file))?;
        Ok(Self { file })
    }

    fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.file).map_err(Error::io("remove", &self.file))
    }
}

/// The folder that a program in `PATH` really is in: a link to one program has not the others beside it.
fn real_folder(program: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(program).ok()?;
    real.parent().map(Path::to_owned)
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

fn is_complete(folder: &Path) -> bool {
    NEEDED.iter().all(|program| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn install_into(folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        NEEDED
            .iter()
            .try_for_each(|program| fs::write(folder.join(program), ""))
    }

    #[test]
    fn the_newest_version_comes_first() -> Outcome {
        let root = tempfile::tempdir()?;
        for version in ["9", "15", "17", "notes"] {
            install_into(&root.path().join(version).join("bin"))?;
        }
        let expected = ["17", "15", "9"].map(|version| root.path().join(version).join("bin"));
        assert_eq!(versions(root.path()), expected);
        assert!(
            versions(root.path())
                .iter()
                .all(|folder| is_complete(folder))
        );
        assert!(versions(&root.path().join("missing")).is_empty());
        Ok(())
    }

    #[test]
    fn a_link_leads_to_the_folder_with_all_programs() -> Outcome {
        let root = tempfile::tempdir()?;
        let (real, links) = (root.path().join("real"), root.path().join("links"));
        install_into(&real)?;
        fs::create_dir(&links)?;
        symlink(real.join("initdb"), links.join("initdb"))?;
        assert!(!is_complete(&links));
        let found = real_folder(&links.join("initdb"));
        assert_eq!(found, Some(fs::canonicalize(&real)?));
        Ok(())
    }

    #[test]
    fn the_setting_is_gone_after_the_installation() -> Outcome {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("createcluster.d");
        let setting = NoMainCluster::write(&folder)?;
        assert_eq!(
            fs::read_to_string(&setting.file)?,
            "create_main_cluster = false\n"
        );
        setting.remove()?;
        assert_eq!(fs::read_dir(&folder)?.count(), 0);
        Ok(())
    }
}
