//! Field values as JSON and as text.

use bigdecimal::BigDecimal;
use chrono::{DateTime, FixedOffset, SecondsFormat};
use serde_json::Value as Json;

use super::error::RenderErrorKind as Kind;
use crate::value::Value;

/// A field's value in event data: numbers stay numbers, decimals become text with all their digits.
/// A float that is no number (NaN, infinite) is null, as JSON has none.
///
/// # Errors
/// An integer beyond 64 bits.
pub(super) fn json(value: &Value) -> Result<Json, Kind> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => integer(*n)?,
        Value::Float(n) => serde_json::Number::from_f64(*n).map_or(Json::Null, Json::Number),
        Value::Json(json) => json.clone(),
        other => Json::String(text(other)),
    })
}

/// Like [`json`], for a form that always is: an integer beyond 64 bits becomes text with all its digits.
pub(crate) fn field_data(value: &Value) -> Json {
    json(value).unwrap_or_else(|_| Json::String(text(value)))
}

/// An integer as a JSON number.
///
/// # Errors
/// Beyond 64 bits.
pub(super) fn integer(n: i128) -> Result<Json, Kind> {
    let signed = i64::try_from(n).map(Json::from);
    let number = signed.or_else(|_| u64::try_from(n).map(Json::from));
    number.map_err(|_| Kind::NotJson {
        what: "an integer beyond 64 bits".to_owned(),
    })
}

/// A field's value in its natural text; null is empty.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => float_text(*n),
        Value::Decimal(n) => decimal_text(n),
        Value::Text(text) => text.clone(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::DateTime(at) => instant_text(at),
        // The ISO 8601 form is their `Debug`, as chrono's serde does it.
        Value::LocalDateTime(at) => format!("{at:?}"),
        Value::Date(date) => format!("{date:?}"),
        Value::Time(time) => format!("{time:?}"),
        Value::Json(json) => json_text(json),
    }
}

/// Text as it stands, null as nothing, everything else as JSON.
pub(super) fn json_text(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn float_text(n: f64) -> String {
    serde_json::Number::from_f64(n).map_or_else(|| n.to_string(), |n| n.to_string())
}

/// All digits and the scale: `99.90` stays `99.90`. An exponent is written out unless that would take
/// thousands of zeros.
pub(super) fn decimal_text(n: &BigDecimal) -> String {
    match n.fractional_digit_count() {
        -1_000..=10_000 => n.to_plain_string(),
        _ => n.to_scientific_notation(),
    }
}

/// RFC 3339 with its own offset; `Z` for none.
pub(super) fn instant_text(at: &DateTime<FixedOffset>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
