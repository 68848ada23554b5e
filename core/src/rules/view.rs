//! A value as comparison sees it: a typed field's, or a piece of JSON.

use std::fmt;

use bigdecimal::BigDecimal;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::value::Value;

/// A look at a value without owning it.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'v> {
    Null,
    Bool(bool),
    Int(i128),
    /// A float field's value: exactly its binary value.
    Float(f64),
    /// A JSON number with a point or exponent: beside a decimal it is the digits it prints.
    Number(f64),
    Decimal(&'v BigDecimal),
    Text(&'v str),
    /// A text inside JSON: beside a typed field it is read as that field's type.
    JsonText(&'v str),
    /// A text inside JSON that is a number wider than JSON's parser keeps: beside a number it is one.
    Wide(&'v str),
    Uuid(Uuid),
    DateTime(DateTime<FixedOffset>),
    LocalDateTime(NaiveDateTime),
    Date(NaiveDate),
    Time(NaiveTime),
    Array(&'v [Json]),
    Object(&'v Map<String, Json>),
}

impl<'v> View<'v> {
    pub(super) fn of(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Decimal(value) => Self::Decimal(value),
            Value::Text(value) => Self::Text(value),
            Value::Uuid(value) => Self::Uuid(*value),
            Value::DateTime(value) => Self::DateTime(*value),
            Value::LocalDateTime(value) => Self::LocalDateTime(*value),
            Value::Date(value) => Self::Date(*value),
            Value::Time(value) => Self::Time(*value),
            Value::Json(value) => Self::of_json(value),
        }
    }

    pub(super) fn of_json(value: &'v Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => integer(number)
                .map(Self::Int)
                .or_else(|| number.as_f64().map(Self::Number))
                .unwrap_or(Self::Null),
            Json::String(text) if crate::json::is_wide_number(text) => Self::Wide(text),
            Json::String(text) => Self::JsonText(text),
            Json::Array(items) => Self::Array(items),
            Json::Object(map) => Self::Object(map),
        }
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a text field or a JSON string.
    pub(super) fn text(self) -> Option<&'v str> {
        match self {
            Self::Text(text) | Self::JsonText(text) | Self::Wide(text) => Some(text),
            _ => None,
        }
    }
}

/// An integer of `i64` or `u64`.
pub(super) fn integer(number: &serde_json::Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

impl fmt::Display for View<'_> {
    /// As a verdict shows it: text quoted and shortened, decimals with all digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) | Self::Number(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(text) | Self::JsonText(text) | Self::Wide(text) => {
                write!(f, "{:?}", shortened(text))
            }
            Self::Uuid(value) => write!(f, "{value}"),
            Self::DateTime(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Self::LocalDateTime(at) => write!(f, "{}", at.format("%Y-%m-%dT%H:%M:%S%.f")),
            Self::Date(value) => write!(f, "{value}"),
            Self::Time(value) => write!(f, "{value}"),
            Self::Array(items) => match serde_json::to_string(items) {
                Ok(text) => f.write_str(&shortened(&text)),
                Err(_) => f.write_str("[…]"),
            },
            Self::Object(map) => match serde_json::to_string(map) {
                Ok(text) => f.write_str(&shortened(&text)),
                Err(_) => f.write_str("{…}"),
            },
        }
    }
}

/// A text short enough for an error or a verdict.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
