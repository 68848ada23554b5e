//! Instants and spans as people write them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A text that names no instant or span.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTime {
    #[error("write an instant as 2026-01-31T12:00:00Z, or a span as 90s, 15m, 2h or 7d")]
    Instant,
    #[error("write a number of seconds above 0: 10, or 0.5")]
    Seconds,
}

/// An instant, or so long ago: `7d`.
pub(crate) fn past(text: &str) -> Result<DateTime<Utc>, BadTime> {
    instant(text, |now, span| now.checked_sub_signed(span))
}

/// An instant, or so long from now: `15m`.
pub(crate) fn future(text: &str) -> Result<DateTime<Utc>, BadTime> {
    instant(text, |now, span| now.checked_add_signed(span))
}

/// A number of seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, BadTime> {
    let seconds = text.trim_end_matches('s').parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|span| !span.is_zero())
        .ok_or(BadTime::Seconds)
}

fn instant(
    text: &str,
    from_now: impl Fn(DateTime<Utc>, TimeDelta) -> Option<DateTime<Utc>>,
) -> Result<DateTime<Utc>, BadTime> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    span(text)
        .and_then(|span| from_now(Utc::now(), span))
        .ok_or(BadTime::Instant)
}

fn span(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u32 = number.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    TimeDelta::try_seconds(i64::from(number) * seconds)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_instants_and_spans() {
        let noon = past("2026-01-31T13:00:00+01:00").unwrap();
        assert_eq!(noon.to_rfc3339(), "2026-01-31T12:00:00+00:00");
        let now = Utc::now();
        let (ago, ahead) = (now - past("2h").unwrap(), future("90s").unwrap() - now);
        assert!((ago - TimeDelta::hours(2)).num_seconds().abs() < 60);
        assert!((ahead - TimeDelta::seconds(90)).num_seconds().abs() < 60);
        for text in [
            "",
            "d",
            "7",
            "7w",
            "-7d",
            "7 d",
            "tomorrow",
            "7ä",
            "9999999999d",
        ] {
            assert_eq!(past(text), Err(BadTime::Instant), "{text}");
        }
    }

    #[test]
    fn reads_seconds() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(seconds("0.5s"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "NaN", "1e400", "soon"] {
            assert_eq!(seconds(text), Err(BadTime::Seconds), "{text}");
        }
    }
}
