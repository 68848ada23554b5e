//! What the commands print.

use std::borrow::Cow;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use console::{Term, measure_text_width, truncate_str};
use serde::Serialize;

use crate::failure::Failure;

/// What stands between two columns.
const GAP: &str = "  ";

/// How a command prints.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// Print JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Prints a line.
///
/// # Errors
/// [`Failure::Output`].
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// [`Failure::Output`].
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::Output(error.into()))?;
    line(&text)
}

/// Says something on standard error.
pub(crate) fn note(text: &str) {
    // When nobody listens there, there is nobody to tell that.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// How wide the terminal is; nothing when the output goes elsewhere.
pub(crate) fn width() -> Option<usize> {
    let terminal = Term::stdout();
    let size = terminal.is_term().then(|| terminal.size_checked())?;
    size.map(|(_, columns)| columns.into())
}

/// A text from elsewhere on one line that a terminal can be trusted with.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escaped = text.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    escaped.collect::<String>().into()
}

/// A text cut to this width, with an ellipsis where something is missing.
pub(crate) fn cut(text: &str, width: Option<usize>) -> Cow<'_, str> {
    match width {
        Some(width) => truncate_str(text, width, "…"),
        None => text.into(),
    }
}

/// An instant as it is printed: UTC, to the millisecond.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// As [`instant`], to the second.
pub(crate) fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Prints rows below their titles, each column as wide as its widest cell. The last cell is cut to the terminal, but never
/// below a width at which it still tells something.
///
/// # Errors
/// [`Failure::Output`].
pub(crate) fn table<const N: usize>(
    titles: [&str; N],
    rows: &[[String; N]],
) -> Result<(), Failure> {
    const TELLS: usize = 40;
    let titles = titles.map(str::to_owned);
    let all = || std::iter::once(&titles).chain(rows);
    let widths: [usize; N] = std::array::from_fn(|i| {
        let widths = all().map(|row| measure_text_width(&row[i]));
        widths.max().unwrap_or(0)
    });
    let before: usize = widths
        .iter()
        .rev()
        .skip(1)
        .map(|width| width + GAP.len())
        .sum();
    let last = width().map(|width| width.saturating_sub(before).max(TELLS));
    for row in all() {
        let mut text = String::new();
        for (i, cell) in row.iter().enumerate() {
            if i + 1 == N {
                text.push_str(&cut(cell, last));
            } else {
                let rest = widths[i].saturating_sub(measure_text_width(cell));
                text = format!("{text}{cell}{}{GAP}", " ".repeat(rest));
            }
        }
        line(text.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_commands_from_data() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{9b}");
        assert_eq!(plain("größer 🙂"), "größer 🙂");
    }

    #[test]
    fn cuts_by_what_a_terminal_shows() {
        assert_eq!(cut("abcdef", Some(4)), "abc…");
        assert_eq!(cut("漢字漢字", Some(5)), "漢字…");
        assert_eq!(cut("abcd", Some(4)), "abcd");
        assert_eq!(cut("abcd", None), "abcd");
    }
}
