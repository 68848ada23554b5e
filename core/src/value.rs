//! Typed field values: what rules compare.

use bigdecimal::BigDecimal;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use uuid::Uuid;

/// The type of a model's field, as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldType {
    /// `true` or `false`.
    Bool,
    /// A signed or unsigned integer of any width up to 64 bits.
    Int,
    /// A 32 or 64 bit binary float.
    Float,
    /// An exact decimal; never compared through a float.
    Decimal,
    /// Text, compared by code point.
    Text,
    /// One of a closed list of names, compared by identity.
    Enum(Vec<String>),
    /// A UUID.
    Uuid,
    /// An instant: a date and time with an offset.
    DateTime,
    /// A date and time without an offset.
    LocalDateTime,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// A JSON document; dotted paths reach into it.
    Json,
    /// A type that cannot carry a rule, by its database or Rust name.
    Unsupported(String),
}

/// The value of one field of one row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// SQL `NULL`, JSON `null`, or a missing path.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer; wide enough for all of `i64` and `u64`.
    Int(i128),
    /// A float. An `f32` comes as the `f64` that prints like it, so that `0.1` is `0.1`.
    Float(f64),
    /// An exact decimal.
    Decimal(BigDecimal),
    /// Text, or the name of an enum's variant.
    Text(String),
    /// A UUID.
    Uuid(Uuid),
    /// An instant; the offset is kept for display, comparison is by instant.
    DateTime(DateTime<FixedOffset>),
    /// A date and time without an offset.
    LocalDateTime(NaiveDateTime),
    /// A calendar date.
    Date(NaiveDate),
    /// A time of day.
    Time(NaiveTime),
    /// A JSON document.
    Json(serde_json::Value),
}

impl FieldType {
    /// What the type is in words, with its article: `a decimal`.
    pub fn described(&self) -> String {
        let words = match self {
            Self::Bool => "a boolean",
            Self::Int => "an integer",
            Self::Float => "a float",
            Self::Decimal => "a decimal",
            Self::Text => "text",
            Self::Enum(_) => "an enum",
            Self::Uuid => "a UUID",
            Self::DateTime => "an instant",
            Self::LocalDateTime => "a date and time without offset",
            Self::Date => "a date",
            Self::Time => "a time of day",
            Self::Json => "JSON",
            Self::Unsupported(name) => return format!("of type `{name}`"),
        };
        words.to_owned()
    }

    /// Whether it is one of the types of numbers.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Decimal)
    }
}

impl Value {
    /// Whether it is null, JSON's null included.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::Json(serde_json::Value::Null))
    }
}
