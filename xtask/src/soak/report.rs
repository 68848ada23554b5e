//! The figures of a soak.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::crew::Losses;
use super::database::Ends;

/// What the comparison came to, as `soak report` prints it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Report {
    figures: Vec<(String, u64)>,
    violations: Vec<String>,
}

/// The figures of one database.
pub(crate) struct Column {
    name: &'static str,
    figures: Vec<(String, String)>,
    violations: Vec<String>,
}

impl Column {
    /// Adds what happened to the processes and to the database.
    pub(crate) fn new(
        name: &'static str,
        ran: Duration,
        report: Report,
        losses: &Losses,
        ends: &Ends,
    ) -> Self {
        let own = [
            ("time", format!("{:.1} min", ran.as_secs_f64() / 60.0)),
            ("savers killed", losses.savers.to_string()),
            ("relays killed", losses.relays.to_string()),
            ("crashes of the database", ends.crashes.to_string()),
            ("shutdowns of the database", ends.shutdowns.to_string()),
        ];
        let own = own.map(|(label, figure)| (label.to_owned(), figure));
        let counted = report.figures.into_iter();
        let counted = counted.map(|(label, count)| (label, count.to_string()));
        let mut violations = report.violations;
        violations.extend(losses.fallen.iter().cloned());
        Self {
            name,
            figures: own.into_iter().chain(counted).collect(),
            violations,
        }
    }
}

/// The figures of each database side by side, then what is wrong.
#[derive(Default)]
pub(crate) struct Table {
    columns: Vec<Column>,
}

impl Table {
    /// Another database.
    pub(crate) fn add(&mut self, column: Column) {
        self.columns.push(column);
    }

    /// Whether nothing is wrong.
    pub(crate) fn holds(&self) -> bool {
        self.columns
            .iter()
            .all(|column| column.violations.is_empty())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.columns.iter().map(|column| column.name);
        line(f, "", names)?;
        let labels = self
            .columns
            .first()
            .map_or(&[][..], |column| &column.figures);
        for (row, (label, _)) in labels.iter().enumerate() {
            let figures = self
                .columns
                .iter()
                .map(|column| column.figures[row].1.as_str());
            line(f, label, figures)?;
        }
        for column in &self.columns {
            for violation in &column.violations {
                writeln!(f, "VIOLATED on {}: {violation}", column.name)?;
            }
        }
        Ok(())
    }
}

fn line<'a>(
    f: &mut fmt::Formatter<'_>,
    label: &str,
    cells: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    write!(f, "{label:<34}")?;
    for cell in cells {
        write!(f, "{cell:>12}")?;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &'static str, violations: &[&str], fallen: &[&str]) -> Column {
        let report = Report {
            figures: vec![("events due".to_owned(), 1234)],
            violations: violations.iter().map(|&text| text.to_owned()).collect(),
        };
        let losses = Losses {
            savers: 7,
            relays: 2,
            fallen: fallen.iter().map(|&text| text.to_owned()).collect(),
        };
        let ends = Ends::default();
        Column::new(name, Duration::from_secs(90), report, &losses, &ends)
    }

    #[test]
    fn the_figures_stand_side_by_side() {
        let mut table = Table::default();
        table.add(column("postgres", &[], &[]));
        table.add(column("mariadb", &[], &[]));
        assert!(table.holds());
        let text = table.to_string();
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .collect();
        assert_eq!(lines.first(), Some(&vec!["postgres", "mariadb"]));
        assert_eq!(lines.last(), Some(&vec!["events", "due", "1234", "1234"]));
    }

    #[test]
    fn whatever_is_wrong_is_told() {
        for (violations, fallen) in [
            (&["one is missing"][..], &[][..]),
            (&[], &["one is missing"]),
        ] {
            let mut table = Table::default();
            table.add(column("postgres", violations, fallen));
            assert!(!table.holds());
            let text = table.to_string();
            assert!(
                text.ends_with("VIOLATED on postgres: one is missing\n"),
                "{text}"
            );
        }
    }
}
