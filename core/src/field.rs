//! From the Rust types of a model's fields to what rules compare: for models that no ORM describes at run time.

use std::borrow::Cow;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::value::{FieldType, Value};

/// A field's type as rules see it. Implemented for integers, floats, `bool`, text, `Uuid`, `chrono`'s dates and times,
/// `Decimal`, `BigDecimal`, `serde_json::Value`, and `Option`, `Box`, `Arc` and `Cow` of each. `Vec` (bytes, arrays) is
/// of a type that cannot carry a rule.
///
/// For an enum, list its names, and rules are checked against them when they are attached:
///
/// ```
/// use celerysalt::field::AsField;
/// use celerysalt::value::{FieldType, Value};
///
/// #[derive(Clone, Copy, PartialEq, Eq, Debug)]
/// enum Status { Pending, Paid }
///
/// impl AsField for Status {
///     fn field_type() -> FieldType {
///         FieldType::Enum(vec!["pending".into(), "paid".into()])
///     }
///
///     fn value(&self) -> Value {
///         Value::Text(match self { Status::Pending => "pending", Status::Paid => "paid" }.into())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "rules do not know how to compare `{Self}`",
    label = "this field's type",
    note = "mark the field `#[follow(text)]` (compared as its `Display`), `#[follow(json)]` (as its serde form) or \
            `#[follow(skip)]` (no rule may name it), or implement `celerysalt::field::AsField` for the type"
)]
pub trait AsField {
    /// Whether the field may be null.
    const NULLABLE: bool = false;

    /// The type.
    fn field_type() -> FieldType;

    /// The value.
    fn value(&self) -> Value;
}

macro_rules! fields {
    ($($rust:ty => $ty:ident, |$v:ident| $value:expr;)+) => {$(
        impl AsField for $rust {
            fn field_type() -> FieldType {
                FieldType::$ty
            }

            fn value(&self) -> Value {
                let $v = self;
                Value::$ty($value)
            }
        }
    )+};
}

fields! {
    bool => Bool, |v| *v;
    i8 => Int, |v| (*v).into();
    i16 => Int, |v| (*v).into();
    i32 => Int, |v| (*v).into();
    i64 => Int, |v| (*v).into();
    u8 => Int, |v| (*v).into();
    u16 => Int, |v| (*v).into();
    u32 => Int, |v| (*v).into();
    u64 => Int, |v| (*v).into();
    isize => Int, |v| *v as i128;
    usize => Int, |v| *v as i128;
    f32 => Float, |v| shortest(*v);
    f64 => Float, |v| *v;
    str => Text, |v| v.to_owned();
    String => Text, |v| v.clone();
    Uuid => Uuid, |v| *v;
    NaiveDate => Date, |v| *v;
    NaiveTime => Time, |v| *v;
    NaiveDateTime => LocalDateTime, |v| *v;
    Decimal => Decimal, |v| BigDecimal::new(BigInt::from(v.mantissa()), i64::from(v.scale()));
    BigDecimal => Decimal, |v| v.clone();
    serde_json::Value => Json, |v| v.clone();
}

impl<Tz: TimeZone> AsField for DateTime<Tz> {
    fn field_type() -> FieldType {
        FieldType::DateTime
    }

    fn value(&self) -> Value {
        Value::DateTime(self.fixed_offset())
    }
}

impl<T: AsField> AsField for Option<T> {
    const NULLABLE: bool = true;

    fn field_type() -> FieldType {
        T::field_type()
    }

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::value)
    }
}

macro_rules! pointers {
    ($($pointer:ty),+) => {$(
        impl<T: AsField + ?Sized> AsField for $pointer {
            const NULLABLE: bool = T::NULLABLE;

            fn field_type() -> FieldType {
                T::field_type()
            }

            fn value(&self) -> Value {
                T::value(self)
            }
        }
    )+};
}

pointers!(&T, Box<T>, Arc<T>);

impl<T: AsField + ToOwned + ?Sized> AsField for Cow<'_, T> {
    const NULLABLE: bool = T::NULLABLE;

    fn field_type() -> FieldType {
        T::field_type()
    }

    fn value(&self) -> Value {
        T::value(self)
    }
}

/// Bytes and arrays: null to rules, none of which may name the field.
impl<T> AsField for Vec<T> {
    fn field_type() -> FieldType {
        FieldType::Unsupported(std::any::type_name::<Self>().to_owned())
    }

    fn value(&self) -> Value {
        Value::Null
    }
}

/// The double that reads the same: 0.1 stays 0.1, not 0.10000000149011612.
fn shortest(v: f32) -> f64 {
    v.to_string().parse().unwrap_or(f64::from(v))
}

/// A `#[follow(text)]` field.
#[doc(hidden)]
pub fn text<T: ToString + ?Sized>(value: &T) -> Value {
    Value::Text(value.to_string())
}

/// A `#[follow(json)]` field.
#[doc(hidden)]
pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Value {
    serde_json::to_value(value).map_or(Value::Null, Value::Json)
}

/// A field that is an `Option`, by what makes a value of its content.
#[doc(hidden)]
pub fn nullable<T>(value: &Option<T>, of: impl FnOnce(&T) -> Value) -> Value {
    value.as_ref().map_or(Value::Null, of)
}

/// What names a row among its model's, by the values of its key: `0198…`. A key of one value is that value's text. Where
/// there are several, a comma stands between them, and a backslash before each comma and backslash inside of one, so that
/// no two keys have one name.
#[doc(hidden)]
pub fn key_text(key: &[Value]) -> String {
    match key {
        [one] => key_part(one),
        parts => {
            let escaped = |part| key_part(part).replace('\\', r"\\").replace(',', r"\,");
            parts.iter().map(escaped).collect::<Vec<_>>().join(",")
        }
    }
}

fn key_part(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Decimal(number) => number.normalized().to_string(),
        Value::Text(text) => text.clone(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::DateTime(instant) => instant.to_utc().to_rfc3339(),
        Value::LocalDateTime(at) => format!("{at:?}"),
        Value::Date(date) => date.to_string(),
        Value::Time(time) => time.to_string(),
        Value::Json(json) => json.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_meaning() {
        assert_eq!(u64::MAX.value(), Value::Int(u64::MAX.into()));
        assert_eq!(0.1_f32.value(), Value::Float(0.1));
        let digits = "123456789012345678.9012345678";
        let decimal: Decimal = digits.parse().unwrap();
        assert_eq!(decimal.value(), Value::Decimal(digits.parse().unwrap()));
    }

    #[test]
    fn options_are_nullable_and_arrays_carry_no_rule() {
        const { assert!(Option::<String>::NULLABLE && !String::NULLABLE) }
        assert_eq!(Option::<i32>::field_type(), FieldType::Int);
        assert_eq!(None::<i32>.value(), Value::Null);
        assert_eq!(
            Vec::<u8>::field_type(),
            FieldType::Unsupported("alloc::vec::Vec<u8>".into())
        );
    }

    #[test]
    fn pointers_are_what_they_point_to() {
        assert_eq!(Box::<str>::from("a").value(), Value::Text("a".into()));
        assert_eq!(Arc::new(7_usize).value(), Value::Int(7));
        assert_eq!(Cow::Borrowed("a").value(), Value::Text("a".into()));
        const { assert!(Box::<Option<i32>>::NULLABLE) }
        assert_eq!(isize::MIN.value(), Value::Int(isize::MIN as i128));
    }

    #[test]
    fn keys_have_names() {
        let alone = |value: Value| key_text(&[value]);
        assert_eq!(alone(7_i64.value()), "7");
        assert_eq!(alone(r"a\,b".value()), r"a\,b");
        let zeros = "00000000-0000-0000-0000-000000000000";
        assert_eq!(alone(Uuid::nil().value()), zeros);
        let instant: DateTime<chrono::FixedOffset> = "2026-01-31T12:00:00+02:00".parse().unwrap();
        assert_eq!(alone(instant.value()), "2026-01-31T10:00:00+00:00");
        let local = instant.naive_utc();
        assert_eq!(alone(local.value()), "2026-01-31T10:00:00");
        assert_eq!(alone(local.date().value()), "2026-01-31");
        assert_eq!(alone(local.time().value()), "10:00:00");
    }

    #[test]
    fn no_two_keys_have_one_name() {
        let named = |parts: &[&str]| {
            let parts: Vec<Value> = parts.iter().map(AsField::value).collect();
            key_text(&parts)
        };
        assert_eq!(named(&["great", "7"]), "great,7");
        assert_eq!(named(&["a,b", "c"]), r"a\,b,c");
        assert_eq!(named(&["a", "b,c"]), r"a,b\,c");
        assert_eq!(named(&[r"a\", "b"]), r"a\\,b");
        assert_ne!(named(&[r"a\,b", "c"]), named(&[r"a\", "b,c"]));
    }
}
