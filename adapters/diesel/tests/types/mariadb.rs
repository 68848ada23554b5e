// Included by the types of each kind of connection: MariaDB's types.

use bigdecimal::BigDecimal;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::kinds::{Level, State, UuidText};

const TYPES: &str = "";

types! {
    rules [Text] "longtext"
    followed {
    BOOL: yes [Bool] bool = "boolean", false, true, "true", "false", "true";
    I8: tiny [TinyInt] i8 = "tinyint", -1, i8::MIN, "-128", "-1", "-128";
    U8: unsigned_tiny [Unsigned<TinyInt>] u8 = "tinyint unsigned", 1, u8::MAX, "255", "1", "255";
    I16: small [SmallInt] i16 = "smallint", -1, i16::MAX, "32767", "-1", "32767";
    U16: unsigned_small [Unsigned<SmallInt>] u16 = "smallint unsigned", 1, u16::MAX, "65535", "1", "65535";
    I32: medium [Integer] i32 = "integer", -1, i32::MIN, "-2147483648", "-1", "-2147483648";
    U32: unsigned_medium [Unsigned<Integer>] u32 = "integer unsigned", 1, u32::MAX, "4294967295", "1", "4294967295";
    I64: large [BigInt] i64 = "bigint", i64::MIN, i64::MAX, "9223372036854775807", "-9223372036854775808", "9223372036854775807";
    U64: unsigned_large [Unsigned<BigInt>] u64 = "bigint unsigned", 1, u64::MAX, "18446744073709551615", "1", "18446744073709551615";
    F32: ratio [Float] f32 = "float", 0.1, 0.2, "0.2", "0.1", "0.2";
    F64: wide [Double] f64 = "double", 0.1, 1e300, "1e300", "0.1", "1e300";
    DECIMAL: price [Numeric] BigDecimal = "decimal(30, 2)", "99.99".parse().unwrap(), "12345678901234567890.1".parse().unwrap(),
        r#""12345678901234567890.1""#, r#""99.99""#, r#""12345678901234567890.10""#;
    TEXT: words [Text] String = "varchar(50)", "a".into(), "ä\u{1F600}".into(), r#""ä😀""#, r#""a""#, r#""ä😀""#;
    UUID: token [Text] UuidText = "char(36)", UuidText(uuid::Uuid::nil().to_string()), UuidText(uuid::Uuid::max().to_string()),
        r#""FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF""#, r#""00000000-0000-0000-0000-000000000000""#,
        r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#;
    DATE: day [Date] NaiveDate = "date", "2026-01-31".parse().unwrap(), "2026-02-01".parse().unwrap(),
        r#""2026-02-01""#, r#""2026-01-31""#, r#""2026-02-01""#;
    TIME: hour [Time] NaiveTime = "time", "08:30:00".parse().unwrap(), "08:30:01".parse().unwrap(),
        r#""08:30:01""#, r#""08:30:00""#, r#""08:30:01""#;
    LOCAL: moment [Datetime] NaiveDateTime = "datetime(6)", "2026-01-31T08:30:00".parse().unwrap(),
        "2026-01-31T08:30:00.000001".parse().unwrap(), r#""2026-01-31T08:30:00.000001""#, r#""2026-01-31T08:30:00""#,
        r#""2026-01-31T08:30:00.000001""#;
    // The database's digits, not the caller's.
    TIMESTAMP: stamp [Timestamp] NaiveDateTime = "timestamp(3)", "2026-01-31T08:30:00".parse().unwrap(),
        "2026-01-31T08:30:00.001999".parse().unwrap(), r#""2026-01-31T08:30:00.001""#, r#""2026-01-31T08:30:00""#,
        r#""2026-01-31T08:30:00.001""#;
    JSON: document [Json] serde_json::Value = "json", json!({"n": 1}), json!({"city": "Ulm", "n": [1, null]}),
        r#"{"n": [1.0, null], "city": "Ulm"}"#, r#"{"n": 1}"#, r#"{"city": "Ulm", "n": [1, null]}"#;
    TEXT_ENUM: state [Text] State = "varchar(10)", State::Open, State::Closed, r#""closed""#, r#""open""#, r#""closed""#;
    NATIVE_ENUM: native [Text] State = "enum('open', 'closed')", State::Open, State::Closed, r#""closed""#, r#""open""#, r#""closed""#;
    NUMBER_ENUM: level [SmallInt] Level = "smallint", Level::Low, Level::High, "9", "1", "9";
    }
    refused {
    BYTES: bytes [Binary] Vec<u8> = "blob", vec![1], "alloc::vec::Vec<u8>";
    }
}
