//! Columns for which Diesel has no Rust type on every database.

use std::io::Write;

use bigdecimal::BigDecimal;
use celerysalt::field::AsField;
use celerysalt::value::{FieldType, Value};
use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::mysql::{Mysql, MysqlValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Datetime, Text};
use diesel::sqlite::Sqlite;
use rust_decimal::Decimal;
use uuid::Uuid;

/// A column's Rust type, from and to the neutral one.
pub(crate) trait Stored<T> {
    fn of(value: T) -> Self;
    fn neutral(self) -> T;
}

/// A UUID in a text column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Key(Uuid);

/// A decimal in a text column.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Exact(Decimal);

/// An instant in a column of local times that are all UTC.
#[derive(Debug, Clone, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Datetime)]
pub(crate) struct Instant(DateTime<Utc>);

macro_rules! field {
    ($stored:ident($inner:ty)) => {
        impl AsField for $stored {
            fn field_type() -> FieldType {
                <$inner>::field_type()
            }

            fn value(&self) -> Value {
                self.0.value()
            }
        }

        impl Stored<$inner> for $stored {
            fn of(value: $inner) -> Self {
                Self(value)
            }

            fn neutral(self) -> $inner {
                self.0
            }
        }
    };
}

field!(Key(Uuid));
field!(Exact(Decimal));
field!(Instant(DateTime<Utc>));

macro_rules! as_text {
    ($stored:ident) => {
        impl<DB: Backend> FromSql<Text, DB> for $stored
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(String::from_sql(value)?.parse()?))
            }
        }

        impl ToSql<Text, Sqlite> for $stored {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.0.to_string());
                Ok(IsNull::No)
            }
        }

        impl ToSql<Text, Mysql> for $stored {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
                write!(out, "{}", self.0)?;
                Ok(IsNull::No)
            }
        }
    };
}

as_text!(Key);
as_text!(Exact);

impl FromSql<Datetime, Mysql> for Instant {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        let utc: NaiveDateTime = FromSql::<Datetime, Mysql>::from_sql(value)?;
        Ok(Self(utc.and_utc()))
    }
}

impl ToSql<Datetime, Mysql> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
        let utc = self.0.naive_utc();
        ToSql::<Datetime, Mysql>::to_sql(&utc, &mut out.reborrow())
    }
}

macro_rules! as_it_is {
    ($($type:ty),+) => {$(
        impl Stored<$type> for $type {
            fn of(value: $type) -> Self {
                value
            }

            fn neutral(self) -> $type {
                self
            }
        }
    )+};
}

as_it_is!(Uuid, DateTime<Utc>);

impl Stored<Decimal> for BigDecimal {
    fn of(value: Decimal) -> Self {
        value.to_string().parse().expect("digits are digits")
    }

    fn neutral(self) -> Decimal {
        self.to_plain_string().parse().expect("digits are digits")
    }
}
