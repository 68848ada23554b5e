//! Who runs the servers: this user, or for root an unprivileged account, since servers refuse root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::process;

/// The account that every system has.
const NOBODY: &str = "nobody";

/// The user that servers run as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Runner {
    /// The user who runs this program.
    Myself,
    /// Another account; only root can choose it.
    Account {
        /// The user's id.
        uid: u32,
        /// The id of the user's group.
        gid: u32,
    },
}

impl Runner {
    /// This user, or for root the server's own account if the system has it.
    pub(crate) fn choose(own: &'static str) -> Result<Self, Error> {
        if !is_root() {
            return Ok(Self::Myself);
        }
        let path = Path::new("/etc/passwd");
        let passwd = fs::read_to_string(path).map_err(Error::io("read", path))?;
        let account = account(&passwd, own).or_else(|| account(&passwd, NOBODY));
        account.ok_or(Error::NoAccount([own, NOBODY]))
    }

    /// A command that runs as this user, without any other group.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self::Account { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a folder to this user.
    pub(crate) fn own(self, folder: &Path) -> Result<(), Error> {
        match self {
            Self::Myself => Ok(()),
            Self::Account { uid, gid } => chown(folder, Some(uid), Some(gid))
                .map_err(Error::io("change the owner of", folder)),
        }
    }

    /// Whether this user can enter a folder and write to it.
    pub(crate) fn can_use(self, folder: &Path) -> bool {
        let mut shell = self.command("/bin/sh");
        shell.args(["-c", r#"cd "$0" && test -w ."#]).arg(folder);
        shell.current_dir("/").stderr(Stdio::null());
        shell.status().is_ok_and(|status| status.success())
    }
}

/// Whether this process is root's.
pub(crate) fn is_root() -> bool {
    let id = process::output(Command::new("id").arg("-u"));
    id.is_ok_and(|uid| uid.trim_ascii() == b"0")
}

/// Finds an account in the text of `/etc/passwd`.
fn account(passwd: &str, name: &str) -> Option<Runner> {
    let mut lines = passwd.lines().map(|line| line.split(':'));
    let mut fields =
        lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Runner::Account { uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
        postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n\
        odd:x:-2:-2::/:/bin/false\n";

    #[test]
    fn an_account_is_read_from_passwd() {
        assert_eq!(
            account(PASSWD, "postgres"),
            Some(Runner::Account { uid: 101, gid: 104 })
        );
        assert_eq!(account(PASSWD, "nobody"), None);
        assert_eq!(account(PASSWD, "odd"), None);
    }

    #[test]
    fn a_folder_of_ones_own_can_be_used() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(Runner::Myself.can_use(folder.path()));
        assert!(!Runner::Myself.can_use(&folder.path().join("missing")));
        Ok(())
    }
}
