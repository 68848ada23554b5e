//! Decimals that keep their digits on SQLite too.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::str::FromStr;

use rust_decimal::Decimal;
use sea_orm::sea_query::{ArrayType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, ColumnType, DbErr, QueryResult, TryGetError, TryGetable};

/// A decimal column whose digits survive SQLite.
///
/// SQLite has no decimals, and SeaORM reads `rust_decimal::Decimal` from it through an `f64`: `99.90` comes back as
/// `99.9`, and what has more than 15 digits is rounded. An `ExactDecimal` in a column that is declared `TEXT` on SQLite
/// (and `NUMERIC` elsewhere) is stored and read as its digits. Rules see a decimal either way.
///
/// ```
/// use celerysalt_sea_orm::ExactDecimal;
///
/// let amount: ExactDecimal = "99.90".parse()?;
/// assert_eq!(amount.to_string(), "99.90");
/// # Ok::<(), rust_decimal::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExactDecimal(pub Decimal);

impl Deref for ExactDecimal {
    type Target = Decimal;

    fn deref(&self) -> &Decimal {
        &self.0
    }
}

impl DerefMut for ExactDecimal {
    fn deref_mut(&mut self) -> &mut Decimal {
        &mut self.0
    }
}

impl From<Decimal> for ExactDecimal {
    fn from(decimal: Decimal) -> Self {
        Self(decimal)
    }
}

impl From<ExactDecimal> for Decimal {
    fn from(exact: ExactDecimal) -> Self {
        exact.0
    }
}

impl FromStr for ExactDecimal {
    type Err = rust_decimal::Error;

    fn from_str(digits: &str) -> Result<Self, Self::Err> {
        Decimal::from_str_exact(digits).map(Self)
    }
}

impl fmt::Display for ExactDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<ExactDecimal> for Value {
    fn from(exact: ExactDecimal) -> Self {
        exact.0.into()
    }
}

impl ValueType for ExactDecimal {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Decimal as ValueType>::try_from(value).map(Self)
    }

    fn type_name() -> String {
        "ExactDecimal".to_owned()
    }

    fn array_type() -> ArrayType {
        <Decimal as ValueType>::array_type()
    }

    fn column_type() -> ColumnType {
        <Decimal as ValueType>::column_type()
    }
}

impl Nullable for ExactDecimal {
    fn null() -> Value {
        Decimal::null()
    }
}

impl TryGetable for ExactDecimal {
    /// Reads text (SQLite) or the database's own decimal.
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        match Option::<String>::try_get_by(row, index) {
            Ok(Some(digits)) => digits
                .parse()
                .map_err(|cause: rust_decimal::Error| not_decimal(&digits, &cause)),
            Ok(None) => Err(TryGetError::Null(format!("{index:?}"))),
            Err(_) => Decimal::try_get_by(row, index).map(Self),
        }
    }
}

fn not_decimal(digits: &str, cause: &rust_decimal::Error) -> TryGetError {
    DbErr::Type(format!(
        "`{digits}` is not a decimal of at most 28 digits: {cause}"
    ))
    .into()
}
