//! From SeaORM's types and values to those that rules compare.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use celerysalt::value::{FieldType, Value};
use sea_orm::sea_query::{ArrayType, ColumnType, OptionEnum};

/// The type of a column: its Rust type decides, since that is what its values come as; the database's type
/// adds the names of an enum.
pub(crate) fn field_type(rust: ArrayType, column: &ColumnType) -> FieldType {
    match column {
        ColumnType::Enum { variants, .. } => {
            return FieldType::Enum(variants.iter().map(ToString::to_string).collect());
        }
        // SeaORM tells an array by its column only: its Rust type is that of the elements.
        ColumnType::Array(_) => return FieldType::Unsupported(format!("array of {rust:?}")),
        _ => {}
    }
    match rust {
        ArrayType::Bool => FieldType::Bool,
        ArrayType::TinyInt
        | ArrayType::SmallInt
        | ArrayType::Int
        | ArrayType::BigInt
        | ArrayType::TinyUnsigned
        | ArrayType::SmallUnsigned
        | ArrayType::Unsigned
        | ArrayType::BigUnsigned => FieldType::Int,
        ArrayType::Float | ArrayType::Double => FieldType::Float,
        ArrayType::String | ArrayType::Char | ArrayType::Enum(_) => FieldType::Text,
        ArrayType::Json => FieldType::Json,
        ArrayType::ChronoDate => FieldType::Date,
        ArrayType::ChronoTime => FieldType::Time,
        ArrayType::ChronoDateTime => FieldType::LocalDateTime,
        ArrayType::ChronoDateTimeUtc
        | ArrayType::ChronoDateTimeLocal
        | ArrayType::ChronoDateTimeWithTimeZone => FieldType::DateTime,
        ArrayType::Uuid => FieldType::Uuid,
        ArrayType::Decimal | ArrayType::BigDecimal => FieldType::Decimal,
        other => FieldType::Unsupported(format!("{other:?}")),
    }
}

/// A value of a field. What rules cannot compare (bytes, arrays) is null to them: their fields are
/// [`FieldType::Unsupported`], so that no rule names them.
pub(crate) fn value(value: sea_orm::Value, ty: &FieldType) -> Value {
    use sea_orm::Value as Sea;
    let converted = match value {
        Sea::Bool(v) => v.map(Value::Bool),
        Sea::TinyInt(v) => v.map(int),
        Sea::SmallInt(v) => v.map(int),
        Sea::Int(v) => v.map(int),
        Sea::BigInt(v) => v.map(int),
        Sea::TinyUnsigned(v) => v.map(int),
        Sea::SmallUnsigned(v) => v.map(int),
        Sea::Unsigned(v) => v.map(int),
        Sea::BigUnsigned(v) => v.map(int),
        Sea::Float(v) => v.map(|v| Value::Float(shortest(v))),
        Sea::Double(v) => v.map(Value::Float),
        Sea::String(v) => v.map(Value::Text),
        Sea::Char(v) => v.map(|v| Value::Text(v.to_string())),
        Sea::Enum(OptionEnum::Some(v)) => Some(Value::Text(v.value.into_owned())),
        Sea::Json(v) => v.map(|v| Value::Json(*v)),
        Sea::ChronoDate(v) => v.map(Value::Date),
        Sea::ChronoTime(v) => v.map(Value::Time),
        Sea::ChronoDateTime(v) => v.map(Value::LocalDateTime),
        Sea::ChronoDateTimeUtc(v) => v.map(|v| Value::DateTime(v.fixed_offset())),
        Sea::ChronoDateTimeLocal(v) => v.map(|v| Value::DateTime(v.fixed_offset())),
        Sea::ChronoDateTimeWithTimeZone(v) => v.map(Value::DateTime),
        Sea::Uuid(v) => v.map(Value::Uuid),
        Sea::Decimal(v) => v.map(|v| Value::Decimal(decimal(v))),
        Sea::BigDecimal(v) => v.map(|v| Value::Decimal(*v)),
        _ => None,
    };
    match (converted, ty) {
        (None, _) | (_, FieldType::Unsupported(_)) => Value::Null,
        (Some(value), _) => value,
    }
}

/// Stands for a key that the database is yet to make.
pub(crate) fn placeholder(ty: &FieldType) -> Value {
    match ty {
        FieldType::Int => Value::Int(0),
        FieldType::Uuid => Value::Uuid(uuid::Uuid::nil()),
        FieldType::Text => Value::Text(String::new()),
        _ => Value::Null,
    }
}

fn int(v: impl Into<i128>) -> Value {
    Value::Int(v.into())
}

/// All digits, never through a float.
fn decimal(v: rust_decimal::Decimal) -> BigDecimal {
    BigDecimal::new(BigInt::from(v.mantissa()), i64::from(v.scale()))
}

/// The double that reads the same: 0.1 stays 0.1, not 0.10000000149011612.
fn shortest(v: f32) -> f64 {
    v.to_string().parse().unwrap_or(f64::from(v))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use sea_orm::Value as Sea;

    #[test]
    fn decimals_keep_every_digit() {
        let d: rust_decimal::Decimal = "123456789012345678.9012345678".parse().unwrap();
        let v = value(Sea::from(d), &FieldType::Decimal);
        assert_eq!(
            v,
            Value::Decimal("123456789012345678.9012345678".parse().unwrap())
        );
    }

    #[test]
    fn numbers_keep_their_meaning() {
        assert_eq!(
            value(Sea::from(u64::MAX), &FieldType::Int),
            Value::Int(u64::MAX.into())
        );
        assert_eq!(
            value(Sea::from(0.1_f32), &FieldType::Float),
            Value::Float(0.1)
        );
        let nan = value(Sea::from(f32::NAN), &FieldType::Float);
        assert!(matches!(nan, Value::Float(v) if v.is_nan()));
        assert_eq!(value(Sea::Int(None), &FieldType::Int), Value::Null);
    }

    #[test]
    fn types_follow_the_rust_type_and_enums_the_column() {
        assert_eq!(
            field_type(ArrayType::Double, &ColumnType::Decimal(None)),
            FieldType::Float
        );
        let column = ColumnType::Enum {
            name: "status".into(),
            variants: vec!["open".into(), "paid".into()],
        };
        assert_eq!(
            field_type(ArrayType::String, &column),
            FieldType::Enum(vec!["open".into(), "paid".into()])
        );
        assert_eq!(
            field_type(ArrayType::Bytes, &ColumnType::Blob),
            FieldType::Unsupported("Bytes".into())
        );
        let column = ColumnType::Array(std::sync::Arc::new(ColumnType::Integer));
        assert_eq!(
            field_type(ArrayType::Int, &column),
            FieldType::Unsupported("array of Int".into())
        );
    }
}
