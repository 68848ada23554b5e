//! Instants as SQLite keeps them: UTC text of one fixed form, so that they sort as text.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::stored::FAR;

/// `2026-01-01T00:00:00.000000Z`; what is finer than a microsecond is cut off, and so is what lies beyond the four
/// digits of a year, whose text would sort wrong.
pub(crate) fn text(instant: DateTime<Utc>) -> String {
    instant
        .clamp(DateTime::UNIX_EPOCH, FAR)
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    Ok(DateTime::parse_from_rfc3339(text)?.to_utc())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sorts_as_text_and_comes_back() {
        let second = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let later = DateTime::from_timestamp(1_767_225_600, 120_999).unwrap();
        assert_eq!(text(second), "2026-01-01T00:00:00.000000Z");
        assert_eq!(text(later), "2026-01-01T00:00:00.000120Z");
        assert!(text(second) < text(later));
        assert_eq!(parse(&text(second)).unwrap(), second);
    }

    #[test]
    fn never_sorts_last() {
        assert_eq!(
            text(DateTime::<Utc>::MAX_UTC),
            "9999-12-31T23:59:59.000000Z"
        );
        assert_eq!(
            text(DateTime::<Utc>::MIN_UTC),
            "1970-01-01T00:00:00.000000Z"
        );
    }
}
