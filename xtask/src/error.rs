//! What can go wrong in a chore.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use thiserror::Error;

/// Why a chore did not finish.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// A file or folder could not be read or written.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("could not run `{command}`")]
    Spawn {
        /// The command line.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A program ended without success; its output was shown as it came.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A program whose output was captured ended without success.
    #[error("`{command}` failed ({status}):\n{output}")]
    FailedWith {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// `cargo test` ended without success.
    #[error("the tests failed ({0})")]
    TestsFailed(ExitStatus),
    /// `cargo metadata` answered something else than expected.
    #[error("could not read what `cargo metadata` printed")]
    Metadata(#[from] serde_json::Error),
    /// A folder under `examples/` is no member of the workspace.
    #[error("{} holds a crate that the workspace's `members` do not list", .0.display())]
    UnlistedExample(PathBuf),
    /// A service's programs are missing and cannot be installed from here.
    #[error(
        "{programs} not found, and only root on a Debian-like system gets them installed here; \
         install {package}, or set {variable} to a server of your own"
    )]
    MissingPrograms {
        /// What was looked for.
        programs: &'static str,
        /// What brings them.
        package: &'static str,
        /// The variable that makes them unnecessary.
        variable: &'static str,
    },
    /// The client library of MySQL is missing and cannot be installed from here.
    #[error(
        "pkg-config finds no client library of MySQL, which Diesel's MySQL tests link, and only root on a \
         Debian-like system gets it installed here; install it with pkg-config (Debian: libmariadb-dev and \
         pkg-config, Fedora: mariadb-connector-c-devel and pkgconf, Homebrew: mariadb-connector-c and pkgconf), \
         or set MYSQLCLIENT_LIB_DIR and MYSQLCLIENT_VERSION"
    )]
    MissingLibrary,
    /// The Python of the peers could not be set up.
    #[error(
        "no Python with {packages}; mend that, or set {variable} to a Python of your own that has them"
    )]
    NoPython {
        /// What was to be installed.
        packages: String,
        /// The variable that makes it unnecessary.
        variable: &'static str,
        /// What went wrong.
        source: Box<Error>,
    },
    /// root has no unprivileged account to run a server as.
    #[error("servers do not run as root, and /etc/passwd lists neither of {0:?}")]
    NoAccount([&'static str; 2]),
    /// No folder was found that the unprivileged account can use.
    #[error("no folder that the servers' account can use; tried {0:?}")]
    NoHome(Vec<PathBuf>),
    /// A server ended, or did not answer in time.
    #[error("{service} {problem}; the end of its log:\n{log}")]
    NotReady {
        /// The service's name.
        service: &'static str,
        /// What happened instead.
        problem: &'static str,
        /// The last lines of the server's log.
        log: String,
    },
    /// A server outlived every signal.
    #[error("process {pid} of {service} did not end")]
    StillRunning {
        /// The service's name.
        service: &'static str,
        /// The process.
        pid: u32,
    },
    /// A state file holds a line that is not `KEY=VALUE`.
    #[error("{}: line {line} is not KEY=VALUE", path.display())]
    MalformedState {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A soak cannot last that long.
    #[error("a soak of {0} minutes cannot be; give a number above 0")]
    SoakTime(f64),
    /// The soak's table shows what did not hold.
    #[error("the soak found events that do not equal committed transitions, see above")]
    SoakFailed,
    /// `services env` was asked for before `services up`.
    #[error("the services are not up; run `cargo xtask services up`")]
    ServicesDown,
}

impl Error {
    /// Wraps an [`io::Error`] with what was tried on which path: `.map_err(Error::io("read", path))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// The error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
