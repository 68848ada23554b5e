//! `BigDecimal` in events: written as plain digits. By itself it writes small and large values with an exponent,
//! which its own schema refuses, and reads the JSON number 0.1 as the binary fraction next to it.

use bigdecimal::BigDecimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

/// `BigDecimal` and `Option<BigDecimal>`.
pub trait PlainDigits: Sized {
    /// As text.
    fn digits(&self) -> Option<String>;
    /// From a number or text; `None` when it must not be absent.
    fn from_digits(digits: Option<BigDecimal>) -> Option<Self>;
}

impl PlainDigits for BigDecimal {
    fn digits(&self) -> Option<String> {
        Some(self.to_plain_string())
    }

    fn from_digits(digits: Option<BigDecimal>) -> Option<Self> {
        digits
    }
}

impl PlainDigits for Option<BigDecimal> {
    fn digits(&self) -> Option<String> {
        self.as_ref().map(BigDecimal::to_plain_string)
    }

    fn from_digits(digits: Option<BigDecimal>) -> Option<Self> {
        Some(digits)
    }
}

/// For `#[serde(serialize_with)]`.
///
/// # Errors
/// The serialiser's own.
pub fn serialize<T: PlainDigits, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.digits().serialize(to)
}

/// For `#[serde(deserialize_with)]`.
///
/// # Errors
/// When it is neither a number nor a decimal in text.
pub fn deserialize<'de, T: PlainDigits, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let digits = match Option::<Written>::deserialize(from)? {
        Some(Written::Number(number)) => Some(number.to_string()),
        Some(Written::Text(text)) => Some(text),
        None => None,
    };
    let digits = digits
        .map(|text| text.parse())
        .transpose()
        .map_err(D::Error::custom)?;
    T::from_digits(digits).ok_or_else(|| D::Error::custom("expected a decimal, found null"))
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number or a decimal in text")]
enum Written {
    Number(Number),
    Text(String),
}
