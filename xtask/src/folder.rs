//! Folders.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;

/// Removes a folder with all that is in it, if it exists.
pub(crate) fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io("remove", folder)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_files() -> Result<(), Box<dyn std::error::Error>> {
        let parent = tempfile::tempdir()?;
        let folder = parent.path().join("folder");
        fs::create_dir(&folder)?;
        fs::write(folder.join("file"), "")?;
        remove(&folder)?;
        assert!(!folder.exists());
        remove(&folder)?;
        Ok(())
    }
}
