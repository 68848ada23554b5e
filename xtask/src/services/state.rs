//! The folder that remembers what runs.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::workspace;

/// `target/services`.
pub(crate) struct State {
    folder: PathBuf,
}

impl State {
    /// The workspace's state folder, made if it does not exist.
    pub(crate) fn open() -> Result<Self, Error> {
        Self::at(workspace::state("services"))
    }

    /// A state folder of one's own.
    pub(crate) fn at(folder: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Ok(Self { folder })
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The variables of what is up.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.folder.join("env")
    }

    /// The record of a service's instance: its process, port and home.
    pub(crate) fn instance_file(&self, service: &str) -> PathBuf {
        self.folder.join(format!("{service}.pid"))
    }

    /// Waits until no other call changes the services; the lock ends with the value.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let (path, file) = self.lock_file()?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    /// The same lock, unless another call has it.
    pub(crate) fn try_lock(&self) -> Result<Option<File>, Error> {
        let (path, file) = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &path)(error)),
        }
    }

    fn lock_file(&self) -> Result<(PathBuf, File), Error> {
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok((path, file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_at_a_time_has_the_lock() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let lock = state.lock()?;
        assert!(state.try_lock()?.is_none());
        drop(lock);
        assert!(state.try_lock()?.is_some());
        Ok(())
    }
}
