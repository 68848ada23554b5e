//! The processes that save and relay, and their deaths.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::report::Report;
use crate::error::Error;
use crate::{folder, process};

/// How many processes.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// That save.
    pub(crate) savers: usize,
    /// That relay.
    pub(crate) relays: usize,
}

/// What happened to the processes.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// Savers that were killed while they ran.
    pub(crate) savers: usize,
    /// Relays that were killed while they ran.
    pub(crate) relays: usize,
    /// Processes that ended by themselves, which none should.
    pub(crate) fallen: Vec<String>,
}

/// The processes.
pub(crate) struct Crew {
    program: PathBuf,
    url: String,
    folder: PathBuf,
    members: Vec<Member>,
    /// What happened to them so far.
    pub(crate) losses: Losses,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    Save,
    Relay,
}

struct Member {
    task: Task,
    // Its input is a pipe whose other end is here: it ends when this program does.
    child: Child,
}

impl Crew {
    /// Nobody yet; the folder is emptied.
    pub(crate) fn new(program: &Path, url: &str, folder: &Path) -> Result<Self, Error> {
        folder::remove(folder)?;
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        Ok(Self {
            program: program.to_owned(),
            url: url.to_owned(),
            folder: folder.to_owned(),
            members: Vec::new(),
            losses: Losses::default(),
        })
    }

    /// Makes the tables.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        process::output(&mut self.command("prepare")).map(drop)
    }

    /// Starts everybody.
    pub(crate) fn man(&mut self, size: Size) -> Result<(), Error> {
        let savers = std::iter::repeat_n(Task::Save, size.savers);
        let relays = std::iter::repeat_n(Task::Relay, size.relays);
        for task in savers.chain(relays) {
            let member = self.start(task)?;
            self.members.push(member);
        }
        Ok(())
    }

    /// Kills any one, and puts another in its place at once.
    pub(crate) fn kill_one(&mut self) -> Result<(), Error> {
        if self.members.is_empty() {
            return Ok(());
        }
        let index = rand::random_range(0..self.members.len());
        kill(&mut self.members[index])?;
        match self.members[index].task {
            Task::Save => self.losses.savers += 1,
            Task::Relay => self.losses.relays += 1,
        }
        self.members[index] = self.start(self.members[index].task)?;
        Ok(())
    }

    /// Replaces those that ended by themselves.
    pub(crate) fn look_for_the_fallen(&mut self) -> Result<(), Error> {
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            let ended = member.child.try_wait();
            let ended = ended.map_err(Error::io("look after a process of", &self.folder))?;
            if let Some(status) = ended {
                let task = member.task;
                let fallen = format!("a process ended by itself: {task:?}, {status}");
                self.losses.fallen.push(fallen);
                self.members[index] = self.start(task)?;
            }
        }
        Ok(())
    }

    /// Kills everybody.
    pub(crate) fn kill_all(&mut self) -> Result<(), Error> {
        self.members
            .drain(..)
            .try_for_each(|mut member| kill(&mut member))
    }

    /// Lets the rest be delivered, and gives what the comparison came to.
    pub(crate) fn report(&self) -> Result<Report, Error> {
        let mut report = self.command("report");
        report.arg(self.saves()).arg(self.deliveries());
        report.stderr(self.log()?);
        Ok(serde_json::from_slice(&process::output(&mut report)?)?)
    }

    fn start(&self, task: Task) -> Result<Member, Error> {
        let mut command = match task {
            Task::Save => self.command("save"),
            Task::Relay => self.command("relay"),
        };
        command.arg(match task {
            Task::Save => self.saves(),
            Task::Relay => self.deliveries(),
        });
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(self.log()?);
        let child = command.spawn().map_err(|source| Error::Spawn {
            command: process::line(&command),
            source,
        })?;
        Ok(Member { task, child })
    }

    fn command(&self, task: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(task).arg(&self.url);
        command
    }

    fn saves(&self) -> PathBuf {
        self.folder.join("saves")
    }

    fn deliveries(&self) -> PathBuf {
        self.folder.join("deliveries")
    }

    /// What the processes warn of, all of them one after the other.
    fn log(&self) -> Result<File, Error> {
        let path = self.folder.join("log");
        let file = File::options().create(true).append(true).open(&path);
        file.map_err(Error::io("open", &path))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // After an error: nobody may go on without a database.
        let _ = self.kill_all();
    }
}

fn kill(member: &mut Member) -> Result<(), Error> {
    let killed = member.child.kill().and_then(|()| member.child.wait());
    killed.map(drop).map_err(|source| Error::Spawn {
        command: "kill".to_owned(),
        source,
    })
}
