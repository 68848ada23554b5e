//! The table of results: adapter × database × group of cases.

use std::collections::BTreeMap;
use std::fmt;

use crate::cases::GROUPS;

/// What became of every case.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(String, Cells)>,
    /// Why not, of which row, and which cases of which group.
    lacking: BTreeMap<(&'static str, usize), Vec<(usize, &'static str)>>,
    failed: Vec<String>,
}

type Cells = [Cell; GROUPS.len()];

#[derive(Debug, Default, Clone, Copy)]
struct Cell {
    passed: usize,
    failed: usize,
    lacking: usize,
}

impl Report {
    /// Of these rows.
    pub fn of(rows: impl IntoIterator<Item = String>) -> Self {
        let empty = |row| (row, Cells::default());
        Self {
            rows: rows.into_iter().map(empty).collect(),
            ..Self::default()
        }
    }

    /// A case of a group that passed in a row, or failed.
    pub fn ran(&mut self, row: usize, group: usize, case: &str, passed: bool) {
        let (name, cells) = &mut self.rows[row];
        let cell = &mut cells[group];
        if passed {
            cell.passed += 1;
        } else {
            cell.failed += 1;
            let group = GROUPS[group].name;
            self.failed.push(format!("{name}, {group}: {case}"));
        }
    }

    /// A case that asks for what the adapter cannot do by its nature, and why not.
    pub fn lacks(&mut self, row: usize, group: usize, case: &'static str, reason: &'static str) {
        self.rows[row].1[group].lacking += 1;
        let lacking = self.lacking.entry((reason, row)).or_default();
        lacking.push((group, case));
    }

    /// Whether a case failed.
    pub fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Each reason, and for whom it stands in the way of which cases.
    fn fmt_lacking(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
        for ((reason, row), cases) in &self.lacking {
            let rows = reasons.entry(reason).or_default().entry(cases).or_default();
            rows.push(self.rows[*row].0.as_str());
        }
        for (reason, lacking) in reasons {
            writeln!(f, "n/a, since {reason}:")?;
            for (cases, rows) in lacking {
                writeln!(f, "    {}:", rows.join(", "))?;
                for (group, case) in cases {
                    writeln!(f, "        {}: {case}", GROUPS[*group].name)?;
                }
            }
        }
        Ok(())
    }

    fn width_of_names(&self) -> usize {
        let widths = self.rows.iter().map(|(name, _)| name.len());
        widths.max().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.width_of_names();
        let width = |group: usize| GROUPS[group].name.len().max(8);
        write!(f, "{:names$}", "cases passed")?;
        for (at, group) in GROUPS.iter().enumerate() {
            write!(f, " | {:>width$}", group.name, width = width(at))?;
        }
        writeln!(f)?;
        for (name, cells) in &self.rows {
            write!(f, "{name:names$}")?;
            for (at, cell) in cells.iter().enumerate() {
                write!(f, " | {:>width$}", cell.to_string(), width = width(at))?;
            }
            writeln!(f)?;
        }
        self.fmt_lacking(f)?;
        for failed in &self.failed {
            writeln!(f, "FAILED {failed}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            lacking,
        } = self;
        match (passed, failed, lacking) {
            (0, 0, 0) => write!(f, "-"),
            (passed, 0, 0) => write!(f, "{passed}"),
            (0, 0, lacking) => write!(f, "n/a {lacking}"),
            (passed, 0, lacking) => write!(f, "{passed} n/a {lacking}"),
            (passed, failed, _) => write!(f, "{passed} FAILED {failed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_passed_what_failed_and_what_cannot_be() {
        let mut report = Report::of(["plain sqlite".to_owned(), "diesel sqlite".to_owned()]);
        report.ran(0, 0, "fires", true);
        report.lacks(0, 0, "waits", "there is no lock");
        report.lacks(1, 0, "waits", "there is no lock");
        assert!(!report.has_failed());
        report.ran(1, 0, "fires", false);
        assert!(report.has_failed());
        let text = report.to_string();
        let first: Vec<&str> = text
            .lines()
            .map(|line| line.split(" | ").nth(1).unwrap_or(line).trim())
            .collect();
        assert_eq!(
            first,
            [
                "firing",
                "1 n/a 1",
                "0 FAILED 1",
                "n/a, since there is no lock:",
                "plain sqlite, diesel sqlite:",
                "firing: waits",
                "FAILED diesel sqlite, firing: fires",
            ]
        );
    }
}
