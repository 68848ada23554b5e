//! One wide model for each database: every type that SeaORM has there, and its nullable twin.

use celerysalt_sea_orm::{ExactDecimal, FollowActions, Rules};
use sea_orm::entity::prelude::*;

/// A column of a wide model.
pub(crate) struct Column {
    pub(crate) field: &'static str,
    pub(crate) twin: &'static str,
    pub(crate) sql: &'static str,
}

/// An enum that is stored as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(8))")]
pub(crate) enum Grade {
    #[sea_orm(string_value = "low")]
    Low,
    #[sea_orm(string_value = "middle")]
    Middle,
    #[sea_orm(string_value = "top")]
    Top,
}

/// An enum that is stored as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub(crate) enum Level {
    #[sea_orm(num_value = 0)]
    None,
    #[sea_orm(num_value = 10)]
    Some,
    #[sea_orm(num_value = 20)]
    All,
}

/// An enum that the database knows (text on SQLite).
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood")]
pub(crate) enum Mood {
    #[sea_orm(string_value = "bad")]
    Bad,
    #[sea_orm(string_value = "fair")]
    Fair,
    #[sea_orm(string_value = "good")]
    Good,
}

macro_rules! wide {
    ($module:ident { $(($field:ident, $twin:ident): $ty:ty = $sql:literal;)+ }) => {
        pub(crate) mod $module {
            use super::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
            #[sea_orm(table_name = "wide")]
            pub(crate) struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub(crate) id: i32,
                $(pub(crate) $field: $ty, pub(crate) $twin: Option<$ty>,)+
                pub(crate) on_change_rules: Rules,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            pub(crate) const COLUMNS: &[super::Column] = &[$(super::Column {
                field: stringify!($field),
                twin: stringify!($twin),
                sql: $sql,
            }),+];
        }
    };
}

wide! { in_postgres {
    (v_tiny, n_tiny): i8 = "\"char\"";
    (v_small, n_small): i16 = "smallint";
    (v_int, n_int): i32 = "integer";
    (v_big, n_big): i64 = "bigint";
    (v_uint, n_uint): u32 = "integer";
    (v_float, n_float): f32 = "real";
    (v_double, n_double): f64 = "double precision";
    (v_decimal, n_decimal): Decimal = "numeric(28, 10)";
    (v_exact, n_exact): ExactDecimal = "numeric(28, 10)";
    (v_wide, n_wide): BigDecimal = "numeric(60, 20)";
    (v_text, n_text): String = "text";
    (v_flag, n_flag): bool = "boolean";
    (v_uuid, n_uuid): Uuid = "uuid";
    (v_date, n_date): Date = "date";
    (v_time, n_time): Time = "time";
    (v_local, n_local): DateTime = "timestamp";
    (v_instant, n_instant): DateTimeUtc = "timestamptz";
    (v_offset, n_offset): DateTimeWithTimeZone = "timestamptz";
    (v_json, n_json): Json = "jsonb";
    (v_grade, n_grade): Grade = "varchar(8)";
    (v_level, n_level): Level = "integer";
    (v_mood, n_mood): Mood = "mood";
    (v_bytes, n_bytes): Vec<u8> = "bytea";
    (v_ints, n_ints): Vec<i32> = "integer[]";
    (v_texts, n_texts): Vec<String> = "text[]";
} }

wide! { in_sqlite {
    (v_tiny, n_tiny): i8 = "tinyint";
    (v_small, n_small): i16 = "smallint";
    (v_int, n_int): i32 = "integer";
    (v_big, n_big): i64 = "bigint";
    (v_utiny, n_utiny): u8 = "integer";
    (v_usmall, n_usmall): u16 = "integer";
    (v_uint, n_uint): u32 = "integer";
    (v_float, n_float): f32 = "float";
    (v_double, n_double): f64 = "double";
    (v_decimal, n_decimal): Decimal = "real";
    (v_exact, n_exact): ExactDecimal = "text";
    (v_wide, n_wide): BigDecimal = "real";
    (v_text, n_text): String = "text";
    (v_flag, n_flag): bool = "boolean";
    (v_uuid, n_uuid): Uuid = "blob";
    (v_date, n_date): Date = "date_text";
    (v_time, n_time): Time = "time_text";
    (v_local, n_local): DateTime = "datetime_text";
    (v_instant, n_instant): DateTimeUtc = "timestamp_text";
    (v_offset, n_offset): DateTimeWithTimeZone = "timestamp_with_timezone_text";
    (v_json, n_json): Json = "json_text";
    (v_grade, n_grade): Grade = "varchar(8)";
    (v_level, n_level): Level = "integer";
    (v_mood, n_mood): Mood = "enum_text";
    (v_bytes, n_bytes): Vec<u8> = "blob";
} }

wide! { in_mysql {
    (v_tiny, n_tiny): i8 = "tinyint";
    (v_small, n_small): i16 = "smallint";
    (v_int, n_int): i32 = "int";
    (v_big, n_big): i64 = "bigint";
    (v_utiny, n_utiny): u8 = "tinyint unsigned";
    (v_usmall, n_usmall): u16 = "smallint unsigned";
    (v_uint, n_uint): u32 = "int unsigned";
    (v_ubig, n_ubig): u64 = "bigint unsigned";
    (v_float, n_float): f32 = "float";
    (v_double, n_double): f64 = "double";
    (v_decimal, n_decimal): Decimal = "decimal(28, 10)";
    (v_exact, n_exact): ExactDecimal = "decimal(28, 10)";
    (v_wide, n_wide): BigDecimal = "decimal(60, 20)";
    (v_text, n_text): String = "longtext";
    (v_flag, n_flag): bool = "boolean";
    (v_uuid, n_uuid): Uuid = "binary(16)";
    (v_date, n_date): Date = "date";
    (v_time, n_time): Time = "time(6)";
    (v_local, n_local): DateTime = "datetime(6)";
    (v_instant, n_instant): DateTimeUtc = "timestamp(6)";
    (v_offset, n_offset): DateTimeWithTimeZone = "timestamp(6)";
    (v_json, n_json): Json = "json";
    (v_grade, n_grade): Grade = "varchar(8)";
    (v_level, n_level): Level = "int";
    (v_mood, n_mood): Mood = "enum('bad', 'fair', 'good')";
    (v_bytes, n_bytes): Vec<u8> = "longblob";
} }
