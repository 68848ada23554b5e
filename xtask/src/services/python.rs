//! Python with the peers that tests and benchmarks talk to: a virtual environment that is kept between runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::env_file::EnvFile;
use super::service::Service;
use super::state::State;
use super::{apt, programs};
use crate::error::Error;
use crate::{folder, process};

const VARIABLE: &str = "CELERYSALT_TEST_PYTHON";

/// What pip installs, in the versions that tests were written against.
const REQUIREMENTS: &[&str] = &["celery-salt==1.6.0", "tchu-tchu==3.0.4", "redis"];

/// Debian's python3 has neither of these without a further package.
const NEEDED: &str = "import ensurepip, venv";

/// The virtual environment.
pub(crate) struct Python;

impl Service for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn variable(&self) -> &'static str {
        VARIABLE
    }

    fn running(&self, state: &State) -> Result<Option<EnvFile>, Error> {
        let folder = folder(state);
        let complete = fs::read_to_string(stamp(&folder)).is_ok_and(|text| text == requirements());
        let python = python(&folder);
        // The environment is of no use once the Python that it links to was removed.
        Ok((complete && runs(&python, "")).then(|| variables(&python)))
    }

    fn start(&self, state: &State) -> Result<EnvFile, Error> {
        let folder = folder(state);
        folder::remove(&folder)?;
        let system = find_or_install()?;
        let outcome = create(&system, &folder);
        if outcome.is_err() {
            folder::remove(&folder)?;
        }
        let outcome = outcome.map_err(|source| Error::NoPython {
            packages: REQUIREMENTS.join(", "),
            variable: VARIABLE,
            source: Box::new(source),
        });
        outcome.map(|()| variables(&python(&folder)))
    }

    /// Nothing runs, and what was downloaded is kept.
    fn stop(&self, _: &State) -> Result<bool, Error> {
        Ok(false)
    }
}

fn variables(python: &Path) -> EnvFile {
    [(VARIABLE, python.display().to_string())]
        .into_iter()
        .collect()
}

fn folder(state: &State) -> PathBuf {
    state.folder().join("python")
}

fn python(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// The file that is written last, with what the environment holds.
fn stamp(folder: &Path) -> PathBuf {
    folder.join("requirements.txt")
}

fn requirements() -> String {
    REQUIREMENTS
        .iter()
        .map(|line| format!("{line}\n"))
        .collect()
}

fn create(system: &Path, folder: &Path) -> Result<(), Error> {
    process::output(Command::new(system).args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(python(folder));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"]);
    pip.arg("--disable-pip-version-check").args(REQUIREMENTS);
    process::run(&mut pip)?;
    let stamp = stamp(folder);
    fs::write(&stamp, requirements()).map_err(Error::io("write", &stamp))
}

fn find_or_install() -> Result<PathBuf, Error> {
    let missing = Error::MissingPrograms {
        programs: "a python3 with the modules venv and ensurepip was",
        package: "Python 3 (Debian: python3-venv, Fedora: python3, Homebrew: python)",
        variable: VARIABLE,
    };
    let install = || apt::install(&["python3-venv"]);
    apt::find_or_install(find, install, missing)
}

fn find() -> Option<PathBuf> {
    let usual = Path::new("/usr/bin/python3").to_owned();
    let mut candidates = programs::in_path("python3").into_iter().chain([usual]);
    candidates.find(|python| runs(python, NEEDED))
}

fn runs(python: &Path, code: &str) -> bool {
    let mut python = Command::new(python);
    process::output(python.args(["-c", code])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// An environment whose Python is `true`, which runs anything.
    fn fake(state: &State, program: &str) -> Outcome {
        let folder = folder(state);
        fs::create_dir_all(folder.join("bin"))?;
        let program = programs::in_path(program).ok_or("no such program")?;
        std::os::unix::fs::symlink(program, python(&folder))?;
        Ok(())
    }

    #[test]
    fn only_a_finished_environment_is_used_again() -> Outcome {
        let root = tempfile::tempdir()?;
        let state = State::at(root.path().to_owned())?;
        fake(&state, "true")?;
        assert_eq!(Python.running(&state)?, None);
        let stamp = stamp(&folder(&state));
        fs::write(&stamp, "celery-salt==1.0.0\n")?;
        assert_eq!(Python.running(&state)?, None);
        fs::write(&stamp, requirements())?;
        let found = Python.running(&state)?.ok_or("not found")?;
        let expected = python(&folder(&state)).display().to_string();
        assert_eq!(found.value(VARIABLE), Some(expected.as_str()));
        Ok(())
    }

    #[test]
    fn an_environment_whose_python_is_broken_is_not_used() -> Outcome {
        let root = tempfile::tempdir()?;
        let state = State::at(root.path().to_owned())?;
        fake(&state, "false")?;
        fs::write(stamp(&folder(&state)), requirements())?;
        assert_eq!(Python.running(&state)?, None);
        Ok(())
    }
}
