//! A server that was started: which process it is, and how it is ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::env_file::EnvFile;
use crate::error::Error;
use crate::{folder, process};

const PAUSE: Duration = Duration::from_millis(50);

/// A server that a call of this program started, as its record in the state folder tells.
#[derive(Debug, PartialEq)]
pub(crate) struct Instance {
    /// The server's process.
    pub(crate) pid: u32,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    /// Its private folder, which its command line names.
    pub(crate) home: PathBuf,
}

/// A signal, and how long the process has to end after it.
pub(crate) type Signal = (&'static str, Duration);

impl Instance {
    /// Reads the record; none if there is no record, or none that makes sense.
    pub(crate) fn load(record: &Path) -> Result<Option<Self>, Error> {
        Ok(EnvFile::load(record)?.as_ref().and_then(Self::from_record))
    }

    /// Writes the record.
    pub(crate) fn save(&self, record: &Path) -> Result<(), Error> {
        let mut file = EnvFile::default();
        file.set("PID", self.pid.to_string());
        file.set("PORT", self.port.to_string());
        file.set("HOME", self.home.to_string_lossy());
        file.save(record)
    }

    /// Ends the process with the first signal that does it, then removes its data and its record.
    pub(crate) fn stop(
        &self,
        service: &'static str,
        signals: &[Signal],
        record: &Path,
    ) -> Result<(), Error> {
        if !self.end(signals) {
            let pid = self.pid;
            return Err(Error::StillRunning { service, pid });
        }
        folder::remove(&self.home)?;
        EnvFile::remove(record)
    }

    /// Ends the process with the first signal that does it, and tells whether it ended.
    pub(crate) fn end(&self, signals: &[Signal]) -> bool {
        signals.iter().any(|signal| self.is_ended_by(signal))
    }

    /// Whether the process runs and is the one that was started: its command line names the private folder.
    pub(crate) fn is_alive(&self) -> bool {
        let home = self.home.to_string_lossy();
        command_line(self.pid).is_some_and(|line| line.contains(home.as_ref()))
    }

    fn from_record(file: &EnvFile) -> Option<Self> {
        Some(Self {
            pid: file.value("PID")?.parse().ok()?,
            port: file.value("PORT")?.parse().ok()?,
            home: PathBuf::from(file.value("HOME")?),
        })
    }

    fn is_ended_by(&self, (signal, patience): &Signal) -> bool {
        if self.is_alive() {
            send(signal, self.pid);
        }
        let start = Instant::now();
        while self.is_alive() && start.elapsed() < *patience {
            sleep(PAUSE);
        }
        !self.is_alive()
    }
}

/// A process's command line; none if there is no such process, empty if it ended and its parent did not notice yet.
fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    let ps = process::output(
        Command::new("ps")
            .args(["-o", "command=", "-p"])
            .arg(pid.to_string()),
    );
    String::from_utf8(ps.ok()?).ok()
}

/// Sends a signal; a process that is gone by now is as good.
fn send(signal: &str, pid: u32) {
    // The shell's own `kill`: a small system has no program of that name.
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", r#"kill -s "$0" "$1""#, signal])
        .arg(pid.to_string());
    let _ = shell.stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use std::process::Child;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// Not QUIT, which what a shell runs in the background is deaf to, as to INT.
    const SIGNALS: &[Signal] = &[
        ("INT", Duration::from_millis(200)),
        ("TERM", Duration::from_secs(10)),
    ];

    /// A process whose command line names a folder, that a SIGINT may not end.
    fn sleeper(home: &Path, trap: &str) -> std::io::Result<Child> {
        let script = format!("{trap} echo ready; while :; do sleep 0.05; done");
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &script])
            .arg(home)
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let ready = &mut [0; 6];
        if let Some(stdout) = &mut child.stdout {
            std::io::Read::read_exact(stdout, ready)?;
        }
        Ok(child)
    }

    fn instance_of(child: &Child, home: &Path) -> Instance {
        Instance {
            pid: child.id(),
            port: 1,
            home: home.to_owned(),
        }
    }

    #[test]
    fn a_record_reads_back() -> Outcome {
        let folder = tempfile::tempdir()?;
        let record = folder.path().join("fake.pid");
        assert_eq!(Instance::load(&record)?, None);
        let instance = Instance {
            pid: 12,
            port: 5432,
            home: PathBuf::from("/a folder"),
        };
        instance.save(&record)?;
        assert_eq!(Instance::load(&record)?, Some(instance));
        Ok(())
    }

    #[test]
    fn stopping_ends_the_process_and_removes_the_data() -> Outcome {
        for trap in ["", "trap '' INT;"] {
            let folder = tempfile::tempdir()?;
            let home = folder.path().join("home");
            let record = folder.path().join("fake.pid");
            fs::create_dir(&home)?;
            let mut child = sleeper(&home, trap)?;
            let instance = instance_of(&child, &home);
            instance.save(&record)?;
            assert!(instance.is_alive());
            instance.stop("fake", SIGNALS, &record)?;
            assert!(!child.wait()?.success());
            assert!(!home.exists() && !record.exists());
        }
        Ok(())
    }

    #[test]
    fn another_process_with_the_same_number_is_left_alone() -> Outcome {
        let folder = tempfile::tempdir()?;
        let mut child = sleeper(&folder.path().join("theirs"), "")?;
        let instance = instance_of(&child, &folder.path().join("ours"));
        assert!(!instance.is_alive());
        instance.stop("fake", SIGNALS, &folder.path().join("fake.pid"))?;
        assert_eq!(child.try_wait()?, None);
        child.kill()?;
        child.wait()?;
        Ok(())
    }
}
