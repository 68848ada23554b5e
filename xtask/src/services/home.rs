//! A server's private folder.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

use super::runner::Runner;
use super::state::State;
use crate::error::Error;
use crate::folder;

/// Makes an empty folder that belongs to the server's user: in the state folder if that user can get there, else
/// in a folder for temporary files.
pub(crate) fn create(state: &State, service: &str, runner: Runner) -> Result<PathBuf, Error> {
    let preferred = state.folder().join(service);
    folder::remove(&preferred)?;
    let candidates = candidates(preferred, service);
    for home in &candidates {
        if try_create(home, runner)? {
            return Ok(home.clone());
        }
    }
    Err(Error::NoHome(candidates))
}

fn candidates(preferred: PathBuf, service: &str) -> Vec<PathBuf> {
    let name = format!("celerysalt-{service}-{}-{}", process::id(), nanoseconds());
    let mut candidates = vec![preferred, env::temp_dir().join(&name)];
    let last = Path::new("/tmp").join(&name);
    if !candidates.contains(&last) {
        candidates.push(last);
    }
    candidates
}

/// Makes the folder and tells whether the user can use it; if not, it is gone again.
fn try_create(home: &Path, runner: Runner) -> Result<bool, Error> {
    // Fails if something of that name exists, so nobody can have put a link there.
    let made = fs::DirBuilder::new().mode(0o700).create(home);
    made.map_err(Error::io("create", home))?;
    runner.own(home)?;
    if runner.can_use(home) {
        return Ok(true);
    }
    folder::remove(home).map(|()| false)
}

fn nanoseconds() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_fresh_each_time() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().join("services"))?;
        let home = create(&state, "fake", Runner::Myself)?;
        assert_eq!(home, folder.path().join("services/fake"));
        fs::write(home.join("left"), "over")?;
        assert_eq!(create(&state, "fake", Runner::Myself)?, home);
        assert_eq!(fs::read_dir(&home)?.count(), 0);
        Ok(())
    }

    #[test]
    fn homes_outside_the_workspace_say_whose_they_are() {
        let candidates = candidates(PathBuf::from("here"), "fake");
        assert!(candidates.len() >= 2);
        for home in &candidates[1..] {
            let name = home.file_name().map(|name| name.to_string_lossy());
            assert!(name.is_some_and(|name| name.starts_with("celerysalt-fake-")));
        }
    }
}
