//! `cargo xtask ci`: all that must pass before a change is merged.

mod examples;
mod features;
mod summary;

use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Args;

use self::summary::Summary;
use crate::error::Error;
use crate::{error, native, process, soak, test, workspace};

/// What to check.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave the tests out, for a script that has run `cargo xtask test` itself just before
    #[arg(long)]
    tests_done: bool,
}

/// Runs the steps in order up to the first failure, and closes with a table of them all.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Error> {
    native::ensure()?;
    let mut summary = Summary::default();
    for step in STEPS {
        if summary.has_failed() {
            summary.add_not_run(step.name);
        } else if step.is_tests && options.tests_done {
            summary.add_done_before(step.name);
        } else {
            run_step(step, &mut summary);
        }
    }
    eprint!("\n{summary}");
    Ok(summary.exit_code())
}

/// One thing to check.
struct Step {
    name: &'static str,
    is_tests: bool,
    check: fn() -> Result<(), Error>,
}

const STEPS: &[Step] = &[
    step("format", format),
    step("lints", lints),
    step("docs", docs),
    Step {
        is_tests: true,
        ..step("tests", test::check)
    },
    step("soak", soak::briefly),
    step("examples", examples::run_each_twice),
    step("features", features::check_each_alone),
];

const fn step(name: &'static str, check: fn() -> Result<(), Error>) -> Step {
    Step {
        name,
        is_tests: false,
        check,
    }
}

fn run_step(step: &Step, summary: &mut Summary) {
    eprintln!("\n== {}", step.name);
    let start = Instant::now();
    let outcome = (step.check)();
    if let Err(error) = &outcome {
        eprintln!("error: {}", error::chain(error));
    }
    summary.add(step.name, outcome.is_ok(), start.elapsed());
}

fn format() -> Result<(), Error> {
    process::run(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> Result<(), Error> {
    let scope = ["clippy", "--workspace", "--all-targets", "--all-features"];
    process::run(cargo(&scope).args(["--", "-D", "warnings"]))
}

fn docs() -> Result<(), Error> {
    let mut cargo = cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    process::run(cargo.env("RUSTDOCFLAGS", "-D warnings"))
}

fn cargo(args: &[&str]) -> Command {
    let mut cargo = workspace::cargo();
    cargo.args(args);
    cargo
}
