//! The Python services, where a Python with their packages is found.

use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A Python that has celery-salt and tchu-tchu.
pub struct Python(PathBuf);

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
        imported.then_some(Self(program))
    }

    /// Starts a worker of `python/NAME.py`, and waits until it consumes.
    pub async fn worker(
        &self,
        name: &str,
        exchange: &str,
    ) -> Result<Peer, Box<dyn std::error::Error>> {
        let folder = TempDir::new()?;
        let log = folder.path().join("log");
        let mut command = Command::new(&self.0);
        command
            .args([
                "-m",
                "celery",
                "-A",
                name,
                "worker",
                "--pool",
                "solo",
                "--loglevel",
                "INFO",
                "--hostname",
                name,
            ])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MESH_EXCHANGE", exchange)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true);
        let mut peer = Peer {
            child: command.spawn()?,
            _folder: folder,
        };
        while !std::fs::read_to_string(&log)?.contains(" ready.") {
            if let Some(status) = peer.child.try_wait()? {
                return Err(format!(
                    "{name}.py ended ({status}): {}",
                    std::fs::read_to_string(&log)?
                )
                .into());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(peer)
    }
}

/// A running Python service; it ends with this.
pub struct Peer {
    child: Child,
    _folder: TempDir,
}
