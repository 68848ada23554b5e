//! What a field is compared with: a literal, or another field.

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// The value beside an operator.
///
/// In JSON a reference is an object of one key, `{"field": "credit_limit"}` or `{"old": "amount"}`; anything
/// else is a literal. A literal object that looks like one of these is written `{"literal": …}`. The
/// elements of a list (`in`, `not_in`, `between`) are read the same way; in the place of the whole list of `in` and
/// `not_in`, a reference names a JSON field that holds one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operand {
    /// This value; read as the field's type when the rule is checked.
    Literal(Json),
    /// The value of a field (or JSON path) of the new row.
    Field(String),
    /// The value of a field (or JSON path) of the old row; null on insert.
    Old(String),
    /// A list of values, for `in`, `not_in` and `between`.
    List(Vec<Operand>),
}

impl Operand {
    /// The value of another field of the new row.
    pub fn field(path: impl Into<super::FieldName>) -> Self {
        Self::Field(path.into().into_string())
    }

    /// The value of a field of the old row.
    pub fn old(path: impl Into<super::FieldName>) -> Self {
        Self::Old(path.into().into_string())
    }

    /// This value as it stands, also when it looks like a reference.
    pub fn literal(value: impl Into<Json>) -> Self {
        Self::Literal(value.into())
    }

    /// Reads the JSON form.
    pub fn from_value(value: Json) -> Self {
        match value {
            Json::Object(map) if map.len() == 1 => Self::from_single(map),
            other => Self::Literal(other),
        }
    }

    fn from_single(mut map: serde_json::Map<String, Json>) -> Self {
        if let Some(Json::String(path)) = map.get("field") {
            return Self::Field(path.clone());
        }
        if let Some(Json::String(path)) = map.get("old") {
            return Self::Old(path.clone());
        }
        match map.remove("literal") {
            Some(literal) => Self::Literal(literal),
            None => Self::Literal(Json::Object(map)),
        }
    }

    /// Reads the JSON form where a list is expected: each element is an operand of its own.
    pub(super) fn list_from_value(value: Json) -> Self {
        match value {
            Json::Array(items) => Self::List(items.into_iter().map(Self::from_value).collect()),
            other => Self::from_value(other),
        }
    }

    /// The JSON form.
    pub fn to_value(&self) -> Json {
        match self {
            Self::Literal(literal) if needs_escape(literal) => json!({ "literal": literal }),
            Self::Literal(literal) => literal.clone(),
            Self::Field(path) => json!({ "field": path }),
            Self::Old(path) => json!({ "old": path }),
            Self::List(items) => Json::Array(items.iter().map(Self::to_value).collect()),
        }
    }
}

/// An object of the one key `field`, `old` or `literal` would be read back as something else.
fn needs_escape(literal: &Json) -> bool {
    let Json::Object(map) = literal else {
        return false;
    };
    map.len() == 1
        && (map.contains_key("literal")
            || ["field", "old"]
                .iter()
                .any(|key| map.get(*key).is_some_and(Json::is_string)))
}

impl From<Json> for Operand {
    /// Reads the JSON form: `json!({"field": "credit_limit"})` is a reference.
    fn from(value: Json) -> Self {
        Self::from_value(value)
    }
}

macro_rules! literals {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Operand {
            fn from(value: $ty) -> Self {
                Self::Literal(Json::from(value))
            }
        }
    )*};
}
literals!(
    bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, String, &str
);

macro_rules! literals_by_text {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Operand {
            fn from(value: $ty) -> Self {
                Self::Literal(Json::String(value.to_string()))
            }
        }
    )*};
}
literals_by_text!(Decimal, BigDecimal, Uuid, NaiveDate);

impl From<&String> for Operand {
    fn from(value: &String) -> Self {
        Self::from(value.as_str())
    }
}

impl From<f64> for Operand {
    /// JSON knows no NaN and no infinity: these become text, which the check of the rule refuses.
    fn from(value: f64) -> Self {
        match serde_json::Number::from_f64(value) {
            Some(number) => Self::Literal(Json::Number(number)),
            None => Self::Literal(Json::String(value.to_string())),
        }
    }
}

impl From<f32> for Operand {
    /// The `f64` that prints like this `f32`.
    fn from(value: f32) -> Self {
        Self::from(value.to_string().parse().unwrap_or(f64::from(value)))
    }
}

impl<Tz: TimeZone> From<DateTime<Tz>> for Operand {
    fn from(value: DateTime<Tz>) -> Self {
        let text = value
            .fixed_offset()
            .to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Self::Literal(Json::String(text))
    }
}

impl From<NaiveDateTime> for Operand {
    fn from(value: NaiveDateTime) -> Self {
        Self::Literal(Json::String(
            value.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        ))
    }
}

impl From<NaiveTime> for Operand {
    fn from(value: NaiveTime) -> Self {
        Self::Literal(Json::String(value.format("%H:%M:%S%.f").to_string()))
    }
}

impl<T: Into<Operand>> From<Option<T>> for Operand {
    /// `None` is null.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Literal(Json::Null), Into::into)
    }
}

impl<T: Into<Operand>> From<Vec<T>> for Operand {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// The form in which an operator keeps its operand: a list for those that take a list, else one value.
pub(super) fn normalized(operator: super::Operator, operand: Operand) -> Operand {
    let wants_list = matches!(
        operator,
        super::Operator::In | super::Operator::NotIn | super::Operator::Between
    );
    match operand {
        Operand::Literal(list @ Json::Array(_)) if wants_list => Operand::list_from_value(list),
        Operand::List(items) if !wants_list => match literals_of(&items) {
            Some(literals) => Operand::Literal(Json::Array(literals)),
            None => Operand::List(items),
        },
        other => other,
    }
}

fn literals_of(items: &[Operand]) -> Option<Vec<Json>> {
    items
        .iter()
        .map(|item| match item {
            Operand::Literal(literal) => Some(literal.clone()),
            Operand::List(items) => literals_of(items).map(Json::Array),
            Operand::Field(_) | Operand::Old(_) => None,
        })
        .collect()
}
