//! The kinds of types, in the order of the table, and the types that a user makes.

use std::fmt;
use std::io::Write;

use bigdecimal::BigDecimal;
use celerysalt::event;
use celerysalt::value::{FieldType, Value};
use celerysalt_diesel::AsField;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{SmallInt, SqlType, Text};
use uuid::Uuid;

use crate::columns::Kind;

pub const BOOL: Kind = (0, "bool");
pub const I8: Kind = (1, "i8");
pub const U8: Kind = (2, "u8");
pub const I16: Kind = (3, "i16");
pub const U16: Kind = (4, "u16");
pub const I32: Kind = (5, "i32");
pub const U32: Kind = (6, "u32");
pub const I64: Kind = (7, "i64");
pub const U64: Kind = (8, "u64");
pub const F32: Kind = (9, "f32");
pub const F64: Kind = (10, "f64");
pub const DECIMAL: Kind = (11, "decimal");
pub const TEXT: Kind = (12, "text");
pub const UUID: Kind = (13, "uuid");
pub const DATE: Kind = (14, "date");
pub const TIME: Kind = (15, "time");
pub const LOCAL: Kind = (16, "datetime without zone");
pub const TIMESTAMP: Kind = (17, "timestamp without zone");
pub const INSTANT: Kind = (18, "datetime with zone");
pub const JSON: Kind = (19, "JSON");
pub const JSONB: Kind = (20, "binary JSON");
pub const TEXT_ENUM: Kind = (21, "enum, in text");
pub const NUMBER_ENUM: Kind = (22, "enum, in a number");
pub const NATIVE_ENUM: Kind = (23, "enum, the database's own");
pub const ARRAY_AS_JSON: Kind = (24, "array, #[follow(json)]");
pub const ARRAY: Kind = (25, "array");
pub const BYTES: Kind = (26, "bytes");

/// What a field was and is.
#[event("field.changed")]
pub struct Changed {
    pub field: String,
    pub was: serde_json::Value,
    pub is: serde_json::Value,
}

/// An enum that is stored as text, of which rules know the names.
#[derive(Debug, Clone, Copy, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum State {
    Open,
    Closed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

impl AsField for State {
    fn field_type() -> FieldType {
        FieldType::Enum(vec!["open".into(), "closed".into()])
    }

    fn value(&self) -> Value {
        Value::Text(self.name().into())
    }
}

impl<DB: Backend> ToSql<Text, DB> for State
where
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.name().to_sql(out)
    }
}

impl<DB: Backend> FromSql<Text, DB> for State
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match String::from_sql(value)?.as_str() {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            other => Err(format!("no state: {other}").into()),
        }
    }
}

/// An enum that is stored as a number, which rules compare.
#[derive(Debug, Clone, Copy, AsExpression, FromSqlRow)]
#[diesel(sql_type = SmallInt)]
pub enum Level {
    Low,
    High,
}

impl Level {
    fn number(self) -> &'static i16 {
        match self {
            Self::Low => &1,
            Self::High => &9,
        }
    }
}

impl AsField for Level {
    fn field_type() -> FieldType {
        i16::field_type()
    }

    fn value(&self) -> Value {
        self.number().value()
    }
}

impl<DB: Backend> ToSql<SmallInt, DB> for Level
where
    i16: ToSql<SmallInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.number().to_sql(out)
    }
}

impl<DB: Backend> FromSql<SmallInt, DB> for Level
where
    i16: FromSql<SmallInt, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match i16::from_sql(value)? {
            1 => Ok(Self::Low),
            9 => Ok(Self::High),
            other => Err(format!("no level: {other}").into()),
        }
    }
}

/// An enum of PostgreSQL's own.
#[derive(SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(name = "mood"))]
pub struct MoodSql;

/// What it holds: compared as its `Display`.
#[derive(Debug, Clone, Copy, AsExpression, FromSqlRow)]
#[diesel(sql_type = MoodSql)]
pub enum Mood {
    Sad,
    Glad,
}

impl fmt::Display for Mood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sad => "sad",
            Self::Glad => "glad",
        })
    }
}

impl ToSql<MoodSql, Pg> for Mood {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        write!(out, "{self}")?;
        Ok(IsNull::No)
    }
}

impl FromSql<MoodSql, Pg> for Mood {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            b"sad" => Ok(Self::Sad),
            b"glad" => Ok(Self::Glad),
            _ => Err("no mood".into()),
        }
    }
}

/// Text that rules see as something else: where a database, or Diesel on it, has no type that keeps the value.
macro_rules! in_text {
    ($($(#[$doc:meta])* $name:ident is $ty:ident $rust:ty;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub struct $name(pub String);

        impl AsField for $name {
            fn field_type() -> FieldType {
                FieldType::$ty
            }

            fn value(&self) -> Value {
                self.0.parse::<$rust>().map_or(Value::Null, |value| value.value())
            }
        }

        impl<DB: Backend> ToSql<Text, DB> for $name
        where
            str: ToSql<Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.0.as_str().to_sql(out)
            }
        }

        impl<DB: Backend> FromSql<Text, DB> for $name
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                String::from_sql(value).map(Self)
            }
        }
    )+};
}

in_text! {
    /// A UUID, outside of PostgreSQL.
    UuidText is Uuid Uuid;
    /// A decimal on SQLite, where Diesel's own goes through a float.
    DecimalText is Decimal BigDecimal;
}
