//! Decimals in events: written as text in plain digits, read from text or numbers, whatever features of the
//! decimal crates some dependency turns on. By itself `rust_decimal` writes floats (`serde-float`) or refuses
//! numbers (`serde-str`); `BigDecimal` writes exponents, which its own schema refuses, and reads the JSON number
//! 0.1 as the binary fraction next to it.

use bigdecimal::BigDecimal;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

/// `Decimal`, `BigDecimal`, and `Option` of either.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the decimal that its name says",
    note = "in an event, `Decimal` is taken for `rust_decimal::Decimal` and `BigDecimal` for `bigdecimal::BigDecimal`; for another type of this name say how it travels: `#[serde(with = \"…\")]`"
)]
pub trait PlainDigits: Sized {
    /// As text.
    fn digits(&self) -> Option<String>;
    /// From text; `None` when it is not a decimal.
    fn from_digits(digits: &str) -> Option<Self>;
    /// When there is none; `None` when there must be one.
    fn absent() -> Option<Self> {
        None
    }
}

impl PlainDigits for BigDecimal {
    fn digits(&self) -> Option<String> {
        Some(self.to_plain_string())
    }

    fn from_digits(digits: &str) -> Option<Self> {
        digits.parse().ok()
    }
}

impl PlainDigits for Decimal {
    fn digits(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn from_digits(digits: &str) -> Option<Self> {
        // Exact: digits that do not fit are an error, not rounded.
        let plain = Decimal::from_str_exact(digits);
        plain.or_else(|_| Decimal::from_scientific(digits)).ok()
    }
}

impl<T: PlainDigits> PlainDigits for Option<T> {
    fn digits(&self) -> Option<String> {
        self.as_ref().and_then(T::digits)
    }

    fn from_digits(digits: &str) -> Option<Self> {
        T::from_digits(digits).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
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
        Some(Written::Number(number)) => number.to_string(),
        Some(Written::Text(text)) => text,
        None => {
            return T::absent().ok_or_else(|| D::Error::custom("expected a decimal, found null"));
        }
    };
    T::from_digits(&digits).ok_or_else(|| {
        D::Error::custom(format!("`{digits}` is not a decimal of this type's range"))
    })
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number or a decimal in text")]
enum Written {
    Number(Number),
    Text(String),
}
