//! A Redis of the test's own, which may be killed.
#![allow(clippy::unwrap_used)]

mod port;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

/// Awaits what must come.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future)
        .await
        .expect("it comes in time")
}

/// The server, with a file that outlives its restarts.
pub(crate) struct OwnRedis {
    folder: TempDir,
    port: u16,
    server: Child,
}

impl OwnRedis {
    pub(crate) async fn start() -> Self {
        let port = port::free_port();
        let folder = TempDir::new().unwrap();
        let server = spawn(&folder, port);
        let own = Self {
            folder,
            port,
            server,
        };
        own.until_it_answers().await;
        own
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.server = spawn(&self.folder, self.port);
        self.until_it_answers().await;
    }

    pub(crate) fn kill(&mut self) {
        // One that is dead already has nothing to kill.
        let _ = self.server.kill();
        self.server.wait().unwrap();
    }

    async fn until_it_answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        let answers = async || {
            let mut connection = client.get_multiplexed_async_connection().await?;
            redis::cmd("PING")
                .query_async::<String>(&mut connection)
                .await
        };
        within(async {
            while answers().await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(folder: &TempDir, port: u16) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .arg("--dir")
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server comes with `cargo xtask services up`")
}
