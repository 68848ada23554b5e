//! From JSON literals to values of a field's type.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::Value as Json;
use uuid::Uuid;

use super::error::RuleErrorKind as Kind;
use super::view::{integer, shortened};
use crate::names;
use crate::value::{FieldType, Value};

/// Digits before and behind the point that a decimal may span, zeros included.
const WIDEST_DECIMAL: i128 = 1_000;

/// Reads a literal as a field's type. The literal null is not read here: no type has it.
///
/// - boolean: `true`, `false`
/// - integer: a number without fraction (`1`, `1.0`), of `i64` or `u64`
/// - float: a number
/// - decimal: a number, or text with all digits
/// - text: text; enum: text, one of the names; UUID: text
/// - instant: RFC 3339 text with an offset; others: ISO 8601 text
/// - JSON: anything
///
/// # Errors
/// [`RuleErrorKind::Unreadable`](Kind::Unreadable), which says how such a value is written.
pub fn literal(literal: &Json, ty: &FieldType) -> Result<Value, Kind> {
    let value = match (ty, literal) {
        (FieldType::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (FieldType::Int, Json::Number(number)) => whole(number).map(Value::Int),
        (FieldType::Float, Json::Number(number)) => {
            let float = number.as_f64().filter(|float| float.is_finite());
            float.map(Value::Float)
        }
        (FieldType::Decimal, Json::Number(number)) => {
            decimal(&number.to_string()).map(Value::Decimal)
        }
        (FieldType::Json, json) => Some(Value::Json(json.clone())),
        (ty, Json::String(text)) => typed_text(text, ty),
        _ => None,
    };
    value.ok_or_else(|| unreadable(literal, ty))
}

fn typed_text(text: &str, ty: &FieldType) -> Option<Value> {
    match ty {
        FieldType::Decimal => decimal(text).map(Value::Decimal),
        FieldType::Text => Some(Value::Text(text.to_owned())),
        FieldType::Enum(names) => {
            let known = names.iter().any(|name| name == text);
            known.then(|| Value::Text(text.to_owned()))
        }
        FieldType::Uuid => Uuid::parse_str(text).ok().map(Value::Uuid),
        FieldType::DateTime => {
            let at = DateTime::parse_from_rfc3339(text).ok();
            at.map(Value::DateTime)
        }
        FieldType::LocalDateTime => local_date_time(text).map(Value::LocalDateTime),
        FieldType::Date => NaiveDate::from_str(text).ok().map(Value::Date),
        FieldType::Time => NaiveTime::from_str(text).ok().map(Value::Time),
        _ => None,
    }
}

/// Reads a decimal; `None` also when it spans more digits than anybody needs (`1e1000000000`).
pub(super) fn decimal(text: &str) -> Option<BigDecimal> {
    let only_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if text.len() > 2 * WIDEST_DECIMAL as usize || !text.bytes().all(only_number) {
        return None;
    }
    let value = BigDecimal::from_str(text).ok()?;
    let (digits, scale) = value.as_bigint_and_scale();
    let scale = i128::from(scale);
    let length = i128::try_from(digits.magnitude().to_string().len()).ok()?;
    // The highest digit's place before the point, and the lowest's behind it.
    let span = (length - scale).max(0) + scale.max(0);
    (span <= WIDEST_DECIMAL).then_some(value)
}

/// Reads a date and time without offset, with `T` or a space between them.
pub(super) fn local_date_time(text: &str) -> Option<NaiveDateTime> {
    let with_space = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok();
    NaiveDateTime::from_str(text).ok().or_else(with_space)
}

/// A number without fraction that `i64` or `u64` holds.
fn whole(number: &serde_json::Number) -> Option<i128> {
    if let Some(integer) = integer(number) {
        return Some(integer);
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
    let range = -(2_f64.powi(63))..2_f64.powi(64);
    // In this range the conversion is exact.
    range.contains(&float).then_some(float as i128)
}

fn unreadable(literal: &Json, ty: &FieldType) -> Kind {
    let expected = match ty {
        FieldType::Bool => "`true` or `false`".to_owned(),
        FieldType::Int => "a whole number of 64 bits, without quotes".to_owned(),
        FieldType::Float => "a number of at most 17 digits, without quotes".to_owned(),
        FieldType::Decimal => {
            "a number, or text like `\"100.00\"`, of at most 1000 digits".to_owned()
        }
        FieldType::Text => "text in quotes".to_owned(),
        FieldType::Enum(names) => one_of(literal, names),
        FieldType::Uuid => "text like `\"01980c2e-0000-7000-8000-000000000000\"`".to_owned(),
        FieldType::DateTime => {
            "RFC 3339 text with an offset like `\"2030-01-31T12:00:00Z\"`".to_owned()
        }
        FieldType::LocalDateTime => {
            "text like `\"2030-01-31T12:00:00\"`, without offset".to_owned()
        }
        FieldType::Date => "text like `\"2030-01-31\"`".to_owned(),
        FieldType::Time => "text like `\"12:00:00\"`".to_owned(),
        FieldType::Json | FieldType::Unsupported(_) => "another literal".to_owned(),
    };
    Kind::Unreadable {
        found: shortened(&literal.to_string()),
        ty: ty.described(),
        expected,
    }
}

fn one_of(literal: &Json, names: &[String]) -> String {
    let names_text = super::error::names(names);
    let candidates = names.iter().map(String::as_str);
    match literal
        .as_str()
        .and_then(|text| names::nearest(text, candidates))
    {
        Some(name) => format!("`{name}`? It is one of {names_text}"),
        None => format!("one of {names_text}"),
    }
}
