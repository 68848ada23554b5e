//! Private servers: a process of ours on 127.0.0.1 with a folder of its own. What is the same for every kind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::instance::{Instance, Signal};
use super::runner::Runner;
use super::state::State;
use super::{home, log, port};
use crate::error::Error;
use crate::{folder, process};

/// Much longer than a start takes on a small, busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

const TERM_THEN_KILL: &[Signal] = &[
    ("TERM", Duration::from_secs(30)),
    ("KILL", Duration::from_secs(10)),
];

/// One kind of server: what it does its own way.
pub(crate) trait Server: Sync {
    /// Its name in messages and in the state folder.
    fn name(&self) -> &'static str;

    /// The unprivileged account that Debian's package makes for it.
    fn account(&self) -> &'static str;

    /// The signals that end it, the friendliest first.
    fn signals(&self) -> &'static [Signal] {
        TERM_THEN_KILL
    }

    /// Makes sure that its programs are there.
    ///
    /// # Errors
    /// When they are not and cannot be installed.
    fn install(&self) -> Result<(), Error>;

    /// Fills the empty home with what the server needs before its first start.
    ///
    /// # Errors
    /// When that fails; nothing has to be cleaned up.
    fn prepare(&self, place: &Place) -> Result<(), Error>;

    /// The command that is the server, in the foreground. Its command line, once it runs, names the home.
    ///
    /// # Errors
    /// When its programs are not there.
    fn command(&self, place: &Place) -> Result<Command, Error>;

    /// Whether a server of this kind answers on a port.
    fn answers(&self, port: u16) -> bool;

    /// What is left to do once a fresh server answers.
    ///
    /// # Errors
    /// When the server refuses it.
    fn finish(&self, _port: u16) -> Result<(), Error> {
        Ok(())
    }
}

/// Where a server lives.
pub(crate) struct Place {
    /// Who runs it.
    pub(crate) runner: Runner,
    /// Its private folder.
    pub(crate) home: PathBuf,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Place {
    /// A program that runs as the server's user, in its home.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = self.runner.command(program);
        command.current_dir(&self.home);
        command
    }

    fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    fn instance(&self, server: &Child) -> Instance {
        Instance {
            pid: server.id(),
            port: self.port,
            home: self.home.clone(),
        }
    }
}

/// The instance that an earlier call started, if it still answers.
pub(crate) fn running(
    server: &(impl Server + ?Sized),
    state: &State,
) -> Result<Option<Instance>, Error> {
    let instance = Instance::load(&state.instance_file(server.name()))?;
    Ok(instance.filter(|instance| instance.is_alive() && server.answers(instance.port)))
}

/// Starts a fresh instance in place of whatever an earlier one left. A failed start leaves no process and no data.
pub(crate) fn start(server: &(impl Server + ?Sized), state: &State) -> Result<Instance, Error> {
    stop(server, state)?;
    server.install()?;
    let runner = Runner::choose(server.account())?;
    let home = home::create(state, server.name(), runner)?;
    let outcome = start_in(server, state, runner, &home);
    if outcome.is_err() {
        stop(server, state)?;
        folder::remove(&home)?;
    }
    outcome
}

/// Stops the recorded instance and removes its data. Tells whether there was one.
pub(crate) fn stop(server: &(impl Server + ?Sized), state: &State) -> Result<bool, Error> {
    let record = state.instance_file(server.name());
    let Some(instance) = Instance::load(&record)? else {
        return Ok(false);
    };
    instance.stop(server.name(), server.signals(), &record)?;
    Ok(true)
}

/// Ends an instance by these signals and starts it again over the same data, on the same port.
pub(crate) fn restart(
    server: &(impl Server + ?Sized),
    state: &State,
    instance: &Instance,
    signals: &[Signal],
) -> Result<Instance, Error> {
    if !instance.end(signals) {
        return Err(Error::StillRunning {
            service: server.name(),
            pid: instance.pid,
        });
    }
    let place = Place {
        runner: Runner::choose(server.account())?,
        home: instance.home.clone(),
        port: instance.port,
    };
    launch(server, state, &place)
}

fn start_in(
    server: &(impl Server + ?Sized),
    state: &State,
    runner: Runner,
    home: &Path,
) -> Result<Instance, Error> {
    let port = port::free().map_err(Error::io("find a free port for", home))?;
    let home = home.to_owned();
    let place = Place { runner, home, port };
    server.prepare(&place)?;
    let instance = launch(server, state, &place)?;
    server.finish(port)?;
    Ok(instance)
}

/// Starts the process and gives it once it answers.
fn launch(
    server: &(impl Server + ?Sized),
    state: &State,
    place: &Place,
) -> Result<Instance, Error> {
    let mut child = spawn(server.command(place)?, &place.log())?;
    let instance = place.instance(&child);
    let recorded = instance.save(&state.instance_file(server.name()));
    let outcome = recorded.and_then(|()| wait_until_ready(server, place, &mut child));
    if outcome.is_err() && !instance.end(server.signals()) {
        // Too young to be told by its command line; here it is still known by being our child.
        let _ = child.kill();
    }
    outcome.map(|()| instance)
}

fn spawn(mut command: Command, log: &Path) -> Result<Child, Error> {
    let append = || File::options().create(true).append(true).open(log);
    let output = append().map_err(Error::io("open", log))?;
    let errors = append().map_err(Error::io("open", log))?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    // A group of its own, so that Ctrl-C in the terminal is not for the server.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(|source| Error::Spawn {
        command: process::line(&command),
        source,
    })
}

fn wait_until_ready(
    server: &(impl Server + ?Sized),
    place: &Place,
    child: &mut Child,
) -> Result<(), Error> {
    let not_ready = |problem| Error::NotReady {
        service: server.name(),
        problem,
        log: log::tail(&place.log()),
    };
    let start = Instant::now();
    while !server.answers(place.port) {
        if has_ended(child) {
            return Err(not_ready("ended instead of starting"));
        }
        if start.elapsed() > READY_WITHIN {
            return Err(not_ready("did not answer in time"));
        }
        sleep(PAUSE);
    }
    // Whoever answered on this port is only ours if our process did not give the port up.
    if has_ended(child) {
        return Err(not_ready("ended instead of starting"));
    }
    Ok(())
}

fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// A "server" that is a shell script; whether it answers is its file `answers`.
    struct Script(&'static str);

    impl Server for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        fn account(&self) -> &'static str {
            "nobody"
        }

        fn install(&self) -> Result<(), Error> {
            Ok(())
        }

        fn prepare(&self, _: &Place) -> Result<(), Error> {
            Ok(())
        }

        fn command(&self, place: &Place) -> Result<Command, Error> {
            let mut shell = place.command(Path::new("/bin/sh"));
            shell.args(["-c", self.0]).arg(&place.home);
            Ok(shell)
        }

        fn answers(&self, _: u16) -> bool {
            self.0.starts_with("while")
        }
    }

    const RUNS: Script = Script("while :; do sleep 0.05; done");
    const ENDS: Script = Script("echo 'no memory'; exit 1");

    #[test]
    fn a_server_runs_until_it_is_stopped() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        assert_eq!(running(&RUNS, &state)?, None);
        let instance = start(&RUNS, &state)?;
        assert!(instance.is_alive() && instance.home.exists());
        assert!(stop(&RUNS, &state)?);
        assert!(!instance.is_alive() && !instance.home.exists());
        assert!(!stop(&RUNS, &state)?);
        Ok(())
    }

    #[test]
    fn a_restart_keeps_home_and_port() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().to_owned())?;
        let first = start(&RUNS, &state)?;
        std::fs::write(first.home.join("data"), "kept")?;
        let second = restart(&RUNS, &state, &first, &[("KILL", Duration::from_secs(10))])?;
        assert!(!first.is_alive() && second.is_alive());
        assert_eq!((&second.home, second.port), (&first.home, first.port));
        assert_eq!(std::fs::read_to_string(second.home.join("data"))?, "kept");
        assert_eq!(running(&RUNS, &state)?, Some(second));
        assert!(stop(&RUNS, &state)?);
        Ok(())
    }

    #[test]
    fn a_server_that_ends_leaves_its_words_and_nothing_else() -> Outcome {
        let folder = tempfile::tempdir()?;
        let state = State::at(folder.path().join("state"))?;
        let failure = start(&ENDS, &state);
        assert!(matches!(
            failure,
            Err(Error::NotReady { problem: "ended instead of starting", log, .. }) if log == "no memory"
        ));
        assert_eq!(std::fs::read_dir(state.folder())?.count(), 0);
        Ok(())
    }
}
