//! The folder that remembers what runs.

use std::fs::{self, File};
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
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }
}
