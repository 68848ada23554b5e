//! What a JSON value is, and JSON text whose numbers are wider than a binary float.

use std::borrow::Cow;

use serde_json::{Number, Value};

/// What a JSON value is, in words: `an object`.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Rewrites every number that parsing would change into a JSON string with all its digits.
///
/// `serde_json` reads a number as `i64`, `u64` or `f64`. A number that none of them keeps (more than about
/// 17 significant digits, an integer beyond `u64`, an exponent beyond the float's) would silently become another;
/// as a string it keeps its digits, and fields of type decimal read it from there. Text that is not JSON comes
/// back as it is, for the parser to refuse.
///
/// ```
/// use celerysalt::json::keep_digits;
///
/// assert_eq!(keep_digits(r#"{"a": 0.1, "b": 18446744073709551615}"#), r#"{"a": 0.1, "b": 18446744073709551615}"#);
/// assert_eq!(keep_digits("[12345678901234567890.123456789]"), r#"["12345678901234567890.123456789"]"#);
/// ```
pub fn keep_digits(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                let token = &text[at..end];
                if !survives(token) {
                    let out = out.get_or_insert_with(|| String::with_capacity(text.len() + 16));
                    out.push_str(&text[copied..at]);
                    out.extend(["\"", token, "\""]);
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Whether a text is a number that [`keep_digits`] would have made a string of.
pub(crate) fn is_wide_number(text: &str) -> bool {
    text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) && !survives(text)
}

/// The position behind the string that begins here.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = bytes[start..]
        .iter()
        .take_while(|byte| is_part(byte))
        .count();
    start + length
}

/// Whether parsing keeps this number's value; also true of what is no number, which the parser refuses.
fn survives(token: &str) -> bool {
    let plain = token
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if plain && token.len() <= 15 || token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok() {
        return true;
    }
    let Some(written) = Parts::of(token) else {
        return true;
    };
    let Ok(float) = token.parse::<f64>() else {
        return true;
    };
    // As it is written again: Rust's own shortest form of a float may be another one.
    let again = Number::from_f64(float).map(|number| number.to_string());
    again.is_some_and(|again| Parts::of(&again).is_some_and(|kept| kept == written))
}

/// A decimal number in its one normal form.
#[derive(PartialEq)]
struct Parts {
    negative: bool,
    /// Significant digits, no zero at either end; empty for zero.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Parts {
    /// `None` when the token is no JSON number, or its exponent is beyond all reason.
    fn of(token: &str) -> Option<Self> {
        let unsigned = token.strip_prefix('-').unwrap_or(token);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            None => (unsigned, Some(0)),
            Some((mantissa, exponent)) => (mantissa, Some(read_exponent(exponent)?)),
        };
        let (whole, fraction) = mantissa
            .split_once('.')
            .map_or((mantissa, None), |(w, f)| (w, Some(f)));
        let is_number = all_digits(whole)
            && fraction.is_none_or(all_digits)
            && (whole.len() == 1 || !whole.starts_with('0'));
        if !is_number {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        let trailing = i64::try_from(digits.len() - significant.len()).ok()?;
        let behind_point = i64::try_from(fraction.len()).ok()?;
        let exponent = exponent?
            .saturating_add(trailing)
            .saturating_sub(behind_point);
        let is_zero = significant.is_empty();
        Some(Self {
            negative: token.starts_with('-') && !is_zero,
            digits: significant.to_owned(),
            exponent: if is_zero { 0 } else { exponent },
        })
    }
}

/// An exponent beyond `i64` is as good as its largest.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    all_digits(digits).then(|| {
        let size = digits.parse::<i64>().unwrap_or(i64::MAX / 4);
        if text.starts_with('-') { -size } else { size }
    })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_float_or_integer_keeps_stay() {
        for text in [
            "0",
            "-0",
            "0.1",
            "0.30",
            "1.0",
            "1e3",
            "1e30",
            "-1.5E-7",
            "0.10000000000000000000",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "100000000000000000000",
            "0.1234567890123456",
            "0e999999999999999999999999",
            // Halfway between two decimals of its length; Rust writes `…522.3`, JSON and Python `…522.2`.
            "-613200752331522.2",
        ] {
            assert_eq!(keep_digits(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_float_is_written_as_stays(float in proptest::num::f64::NORMAL) {
            let text = serde_json::to_string(&float).unwrap();
            proptest::prop_assert_eq!(keep_digits(&text), text.as_str());
        }
    }

    #[test]
    fn numbers_that_would_change_become_text() {
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "0.12345678901234567890",
            "0.1000000000000000055511151231257827",
            "99999999999999999999999999999999999999",
            "1e400",
            "1e-400",
            "1e99999999999999999999",
            "123456789012345678.25",
        ] {
            assert_eq!(keep_digits(text), format!("\"{text}\""), "{text}");
        }
    }

    #[test]
    fn digits_inside_of_strings_and_what_is_not_json_stay() {
        for text in [
            r#"{"12345678901234567890123": "a \" 12345678901234567890123"}"#,
            "[0012345678901234567890123]",
            "1.2.3",
            "\"open 12345678901234567890123",
            "\"\\",
            "-",
            "",
        ] {
            assert_eq!(keep_digits(text), text);
        }
    }

    #[test]
    fn every_digit_of_a_document_is_there_after_parsing() {
        let text = r#"[{"a": 12345678901234567890.01}, 2, 0.10000000000000000001]"#;
        let value: serde_json::Value = serde_json::from_str(&keep_digits(text)).unwrap();
        assert_eq!(value[0]["a"], "12345678901234567890.01");
        assert_eq!(value[1], 2);
        assert_eq!(value[2], "0.10000000000000000001");
    }
}
