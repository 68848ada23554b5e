//! The Python services, where a Python with their packages is found.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::names::Names;

/// How long a service may take to start, on a busy machine too.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// A Python that has celery-salt and tchu-tchu.
pub struct Python {
    program: PathBuf,
    starts_within: Duration,
}

impl Python {
    /// The one that `CELERYSALT_PYTHON` names, else `python3`.
    pub async fn find() -> Option<Self> {
        let program = std::env::var_os("CELERYSALT_PYTHON")
            .map_or_else(|| PathBuf::from("python3"), PathBuf::from);
        let mut try_import = Command::new(&program);
        try_import
            .args(["-c", "import celery_salt, tchu_tchu, redis"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let imported = try_import
            .status()
            .await
            .is_ok_and(|status| status.success());
        imported.then_some(Self {
            program,
            starts_within: STARTS_WITHIN,
        })
    }

    /// Starts a worker of `python/NAME.py`, and waits until it consumes.
    pub async fn worker(&self, name: &'static str, names: &Names) -> Result<Peer, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let log = File::create(folder.path().join("log"))?;
        let hostname = format!("{name}@{}", names.exchange());
        let mut command = Command::new(&self.program);
        command
            .args(["-m", "celery", "-A", name, "worker", "--pool", "solo"])
            .args(["--loglevel", "INFO", "--hostname", &hostname])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MESH_EXCHANGE", names.exchange())
            .env("MESH_QUEUE", names.queue(name))
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let mut peer = Peer {
            name,
            child: command.spawn()?,
            folder,
        };
        match tokio::time::timeout(self.starts_within, peer.ready()).await {
            Ok(ready) => ready?,
            Err(_) => {
                let within = self.starts_within;
                return Err(format!("not ready within {within:?}: {}", peer.said()).into());
            }
        }
        Ok(peer)
    }
}

/// A running Python service; it ends with this.
pub struct Peer {
    name: &'static str,
    child: Child,
    folder: TempDir,
}

impl Peer {
    async fn ready(&mut self) -> Result<(), Box<dyn Error>> {
        while !self.said().contains(" ready.") {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("ended with {status}: {}", self.said()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// All that it has printed, below its name.
    pub fn said(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        format!("{}.py said:\n{}", self.name, String::from_utf8_lossy(&log))
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn one_that_never_starts_is_told_with_what_it_said() {
        let folder = TempDir::new().unwrap();
        let program = folder.path().join("python");
        std::fs::write(&program, "#!/bin/sh\necho no broker yet\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
        let python = Python {
            program,
            starts_within: Duration::from_secs(2),
        };
        let names = Names::new();
        let started = python.worker("bills", &names);
        let ended = tokio::time::timeout(Duration::from_secs(60), started).await;
        let error = ended.unwrap().err().unwrap().to_string();
        assert_eq!(
            error,
            "not ready within 2s: bills.py said:\nno broker yet\n"
        );
    }
}
