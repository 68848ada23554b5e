//! The test program itself, started again as a process of its own that plays a part.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long a process may take to say what it has to say.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the process is to do; only such a process has it.
const ORDER: &str = "CELERYSALT_TEST_CHILD";

/// The process, and what it says.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Runs this test program's test `child`, which asks for its [`order`].
    pub(crate) fn start(order: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(ORDER, order)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that it says, of those that begin with one of these words; `None` when it has ended.
    pub(crate) async fn next(&mut self, words: &[&str]) -> Option<String> {
        let said = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if words.iter().any(|word| line.starts_with(word)) {
                    return Some(line);
                }
            }
            None
        };
        let said = timeout(DEADLINE, said).await;
        said.unwrap_or_else(|_| panic!("the child says none of {words:?} in time"))
    }

    /// Waits until it says so.
    pub(crate) async fn until(&mut self, word: &str) {
        let said = self.next(&[word]).await;
        assert!(said.is_some(), "the child ended and never said `{word}`");
    }

    #[cfg(unix)]
    pub(crate) fn send(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// SIGKILL: it cannot do anything about it.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap()
    }
}

/// In the process: what it is to do. `None` in a run of the tests, which passes the test `child` by.
pub(crate) fn order() -> Option<String> {
    std::env::var(ORDER).ok()
}

/// In the process: says a word to the test. The line break first: the test harness has begun one.
pub(crate) fn say(word: &str) {
    println!("\n{word}");
}
