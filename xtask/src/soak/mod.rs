//! `cargo xtask soak`: savers and relays on a database of their own, killed and restarted beneath them; afterwards
//! events must equal committed transitions. What the processes do, and what proves it, stands in
//! `tests/src/soak`.

mod crew;
mod database;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;

use self::crew::{Crew, Size};
use self::database::{Choice, Database, End};
use self::report::{Column, Table};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::{native, process, workspace};

/// What to soak, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    /// How long savers and relays run, on each database
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Which database
    #[arg(long, value_enum, default_value_t = Choice::All)]
    database: Choice,
    /// How many processes save
    #[arg(long, default_value_t = 8)]
    savers: usize,
    /// How many processes relay
    #[arg(long, default_value_t = 2)]
    relays: usize,
}

/// How long a soak takes that belongs to a run of everything.
const BRIEFLY: Duration = Duration::from_secs(20);

/// The pause between two kills, at least and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(2500)];

/// Runs the soak and prints its figures; the exit code tells whether everything held.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Error> {
    let time = Duration::try_from_secs_f64(options.minutes * 60.0);
    let time = time.map_err(|_| Error::SoakTime(options.minutes))?;
    let size = Size {
        savers: options.savers,
        relays: options.relays,
    };
    build()?;
    Ok(match soak(options.database, time, size)?.holds() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// A short soak on every database, after the tests and of their build; anything that does not hold is an error.
pub(crate) fn briefly() -> Result<(), Error> {
    let size = Size {
        savers: 8,
        relays: 2,
    };
    workspace::build_as_tests_are()?;
    match soak(Choice::All, BRIEFLY, size)?.holds() {
        true => Ok(()),
        false => Err(Error::SoakFailed),
    }
}

/// Ends what a soak that was cut off left; a soak that runs is left alone.
pub(crate) fn clear() -> Result<(), Error> {
    let state = database::state()?;
    let Some(_lock) = state.try_lock()? else {
        return Ok(());
    };
    let mut databases = Choice::All.databases().into_iter();
    databases.try_for_each(|database| database.stop())
}

fn soak(choice: Choice, time: Duration, size: Size) -> Result<Table, Error> {
    let built = Metadata::load()?.target_directory.join("debug/soak");
    let state = database::state()?;
    // Another soak in this checkout would take the database for one that was left.
    let _lock = state.lock()?;
    // A copy: processes start all the time, and all of them are to be of one build.
    let program = state.folder().join("program");
    fs::copy(&built, &program).map_err(Error::io("copy", &built))?;
    let mut table = Table::default();
    for database in choice.databases() {
        let name = database.name();
        eprintln!("soak: {name}, {:.1} min", time.as_secs_f64() / 60.0);
        let folder = state.folder().join(format!("{name}-run"));
        let run = Run {
            database,
            program: &program,
            folder,
            time,
            size,
        };
        table.add(run.on_fresh_database()?);
    }
    println!("{table}");
    Ok(table)
}

/// Builds the program that saves, relays and reports, and no tests.
fn build() -> Result<(), Error> {
    native::ensure()?;
    let mut cargo = workspace::cargo();
    process::run(cargo.args(["build", "--workspace", "--all-features", "--bin", "soak"]))
}

/// One soak.
struct Run<'a> {
    database: Database,
    program: &'a Path,
    folder: PathBuf,
    time: Duration,
    size: Size,
}

impl Run<'_> {
    fn on_fresh_database(mut self) -> Result<Column, Error> {
        self.database.start()?;
        let outcome = self.soak();
        self.database.stop()?;
        outcome
    }

    fn soak(&mut self) -> Result<Column, Error> {
        let start = Instant::now();
        let mut crew = Crew::new(self.program, &self.database.url(), &self.folder)?;
        crew.prepare()?;
        crew.man(self.size)?;
        // The first time without a warning, the second time in good order.
        self.kill_until(&mut crew, start + self.time / 3)?;
        self.database.restart(End::Crash)?;
        self.kill_until(&mut crew, start + self.time * 2 / 3)?;
        self.database.restart(End::Shutdown)?;
        self.kill_until(&mut crew, start + self.time)?;
        crew.kill_all()?;
        // What a dead process had asked for is done or gone once no session is left of it.
        self.database.restart(End::Shutdown)?;
        let ran = start.elapsed();
        Ok(Column::new(
            self.database.name(),
            ran,
            crew.report()?,
            &crew.losses,
            &self.database.ends,
        ))
    }

    fn kill_until(&self, crew: &mut Crew, end: Instant) -> Result<(), Error> {
        let [shortest, longest] = PAUSES;
        while Instant::now() < end {
            let pause = rand::random_range(shortest..longest);
            sleep(pause.min(end.saturating_duration_since(Instant::now())));
            crew.look_for_the_fallen()?;
            crew.kill_one()?;
        }
        Ok(())
    }
}
