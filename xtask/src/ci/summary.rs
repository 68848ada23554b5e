//! The table that closes a run.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

/// What became of each step.
#[derive(Default)]
pub(crate) struct Summary {
    rows: Vec<(&'static str, Outcome)>,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration),
    DoneBefore,
    NotRun,
}

impl Summary {
    /// A step that ran.
    pub(crate) fn add(&mut self, step: &'static str, passed: bool, took: Duration) {
        let outcome = if passed {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        self.rows.push((step, outcome(took)));
    }

    /// A step that another call ran before this one.
    pub(crate) fn add_done_before(&mut self, step: &'static str) {
        self.rows.push((step, Outcome::DoneBefore));
    }

    /// A step behind the one that failed.
    pub(crate) fn add_not_run(&mut self, step: &'static str) {
        self.rows.push((step, Outcome::NotRun));
    }

    /// Whether a step failed.
    pub(crate) fn has_failed(&self) -> bool {
        let mut outcomes = self.rows.iter().map(|(_, outcome)| outcome);
        outcomes.any(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// Success unless a step failed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.has_failed() {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, outcome) in &self.rows {
            writeln!(f, "{step:<10} {outcome}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(took) => write!(f, "passed {:>8.1} s", took.as_secs_f64()),
            Self::Failed(took) => write!(f, "FAILED {:>8.1} s", took.as_secs_f64()),
            Self::DoneBefore => write!(f, "done before"),
            Self::NotRun => write!(f, "not run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_each_step() {
        let mut summary = Summary::default();
        summary.add("format", true, Duration::from_millis(1250));
        summary.add_done_before("tests");
        assert!(!summary.has_failed());
        assert_eq!(summary.exit_code(), ExitCode::SUCCESS);
        summary.add("examples", false, Duration::from_secs(61));
        summary.add_not_run("features");
        assert!(summary.has_failed());
        assert_eq!(summary.exit_code(), ExitCode::FAILURE);
        assert_eq!(
            summary.to_string(),
            "format     passed      1.2 s\n\
             tests      done before\n\
             examples   FAILED     61.0 s\n\
             features   not run\n"
        );
    }
}
