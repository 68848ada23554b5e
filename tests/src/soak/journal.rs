//! A file that several processes append lines to, any of which may be killed at any time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The file.
pub struct Journal(File);

impl Journal {
    /// Opens the file, and makes it if there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.map(Self)
    }

    /// Appends lines, at once.
    pub fn append<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        // A process that is killed while it writes may leave a part of a line. The line break in front keeps that
        // part from swallowing the next one.
        let mut text = String::from("\n");
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        (&self.0).write_all(text.as_bytes())
    }
}

/// The lines of a journal in their order.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_line_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Journal::open(&path)
            .unwrap()
            .append(["one", "two"])
            .unwrap();
        let torn = Journal::open(&path).unwrap();
        (&torn.0).write_all(b"\nthr").unwrap();
        Journal::open(&path).unwrap().append(["four"]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            lines(&text).collect::<Vec<_>>(),
            ["one", "two", "thr", "four"]
        );
    }
}
