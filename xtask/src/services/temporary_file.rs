//! A file of the system that is there for a while.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file that did not exist before, until it is removed.
pub(crate) struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    /// Writes the file, with its folder; none, and nothing is changed, if there is such a file already.
    pub(crate) fn write(path: &Path, mode: u32, text: &str) -> Result<Option<Self>, Error> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(path);
        match file {
            Ok(mut file) => {
                let written = file.write_all(text.as_bytes());
                written.map_err(Error::io("write", path))?;
                let path = path.to_owned();
                Ok(Some(Self { path }))
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(Error::io("create", path)(error)),
        }
    }

    /// Removes the file.
    pub(crate) fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_file_is_there_until_it_is_removed() -> Outcome {
        let root = tempfile::tempdir()?;
        let path = root.path().join("folder/file");
        let file = TemporaryFile::write(&path, 0o755, "text\n")?;
        assert_eq!(fs::read_to_string(&path)?, "text\n");
        file.ok_or("not written")?.remove()?;
        assert!(!path.exists());
        Ok(())
    }

    #[test]
    fn a_file_of_somebody_else_stays_as_it_is() -> Outcome {
        let root = tempfile::tempdir()?;
        let path = root.path().join("file");
        fs::write(&path, "theirs")?;
        assert!(TemporaryFile::write(&path, 0o755, "ours")?.is_none());
        assert_eq!(fs::read_to_string(&path)?, "theirs");
        Ok(())
    }
}
