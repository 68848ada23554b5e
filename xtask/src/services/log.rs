//! Servers' logs.

use std::fs;
use std::path::Path;

const LINES: usize = 30;

/// The last lines of a log, or a word on why there are none.
pub(crate) fn tail(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes)),
        Err(error) => format!("({}: {error})", path.display()),
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let start = lines.len().saturating_sub(LINES);
    lines[start..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_shown() {
        let text: String = (1..=100).map(|n| format!("line {n}\n")).collect();
        let tail = last_lines(&text);
        assert!(tail.starts_with("line 71\n"));
        assert!(tail.ends_with("\nline 100"));
        assert_eq!(last_lines("short\n"), "short");
    }

    #[test]
    fn a_missing_log_is_said() {
        assert!(tail(Path::new("/nonexistent/log")).contains("/nonexistent/log"));
    }
}
