//! Finding programs.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where servers' programs are beside `PATH`, which has no `sbin` for most users.
const SYSTEM: &[&str] = &[
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/libexec",
];

/// The first file of that name in `PATH`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find_map(|folder| file_in(&folder, program))
}

/// The first file of that name in `PATH`, then in the folders for servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let system = || {
        let mut folders = SYSTEM.iter().map(Path::new);
        folders.find_map(|folder| file_in(folder, program))
    };
    in_path(program).or_else(system)
}

/// The first folder that holds all of the programs: the one that the first of them really is in (a link to one
/// program has not the others beside it), then the given ones.
pub(crate) fn find_folder(
    needed: &[&str],
    others: impl IntoIterator<Item = PathBuf>,
) -> Option<PathBuf> {
    let first = needed.first().and_then(|program| find(program));
    let first = first.and_then(|program| real_folder(&program));
    let mut folders = first.into_iter().chain(others);
    folders.find(|folder| is_complete(folder, needed))
}

fn file_in(folder: &Path, program: &str) -> Option<PathBuf> {
    let file = folder.join(program);
    fs::metadata(&file)
        .is_ok_and(|found| found.is_file())
        .then_some(file)
}

fn real_folder(program: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(program).ok()?;
    real.parent().map(Path::to_owned)
}

fn is_complete(folder: &Path, needed: &[&str]) -> bool {
    needed
        .iter()
        .all(|program| file_in(folder, program).is_some())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const NEEDED: &[&str] = &["no-such-server-here", "no-such-client-here"];

    #[test]
    fn programs_are_found_in_path() {
        assert!(in_path("sh").is_some_and(|file| file.ends_with("sh")));
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-here"), None);
    }

    #[test]
    fn a_link_leads_to_the_folder_with_all_programs() -> Outcome {
        let root = tempfile::tempdir()?;
        let (real, links) = (root.path().join("real"), root.path().join("links"));
        fs::create_dir(&real)?;
        fs::create_dir(&links)?;
        for program in NEEDED {
            fs::write(real.join(program), "")?;
        }
        symlink(real.join(NEEDED[0]), links.join(NEEDED[0]))?;
        assert!(!is_complete(&links, NEEDED));
        let found = real_folder(&links.join(NEEDED[0]));
        assert_eq!(found, Some(fs::canonicalize(&real)?));
        assert_eq!(find_folder(NEEDED, [links, real.clone()]), Some(real));
        Ok(())
    }
}
