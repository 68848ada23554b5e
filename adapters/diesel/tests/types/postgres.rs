// Included by the types of each kind of connection: PostgreSQL's types.

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use uuid::Uuid;

use crate::kinds::{Level, Mood, State};

const TYPES: &str = "CREATE TYPE mood AS ENUM ('sad', 'glad');";

types! {
    rules [Jsonb] "jsonb"
    followed {
    BOOL: yes [Bool] bool = "boolean", false, true, "true", "false", "true";
    I16: small [SmallInt] i16 = "smallint", -1, i16::MAX, "32767", "-1", "32767";
    I32: medium [Integer] i32 = "integer", -1, i32::MIN, "-2147483648", "-1", "-2147483648";
    I64: large [BigInt] i64 = "bigint", i64::MIN, i64::MAX, "9223372036854775807", "-9223372036854775808", "9223372036854775807";
    F32: ratio [Float] f32 = "real", 0.1, 0.2, "0.2", "0.1", "0.2";
    F64: wide [Double] f64 = "double precision", 0.1, 1e300, "1e300", "0.1", "1e300";
    DECIMAL: price [Numeric] BigDecimal = "numeric(30, 2)", "99.99".parse().unwrap(), "12345678901234567890.1".parse().unwrap(),
        r#""12345678901234567890.1""#, r#""99.99""#, r#""12345678901234567890.10""#;
    TEXT: words [Text] String = "text", "a".into(), "ä\u{1F600}".into(), r#""ä😀""#, r#""a""#, r#""ä😀""#;
    UUID: token [Uuid] Uuid = "uuid", Uuid::nil(), Uuid::max(), r#""FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF""#,
        r#""00000000-0000-0000-0000-000000000000""#, r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#;
    DATE: day [Date] NaiveDate = "date", "2026-01-31".parse().unwrap(), "2026-02-01".parse().unwrap(),
        r#""2026-02-01""#, r#""2026-01-31""#, r#""2026-02-01""#;
    TIME: hour [Time] NaiveTime = "time", "08:30:00".parse().unwrap(), "08:30:01.5".parse().unwrap(),
        r#""08:30:01.500""#, r#""08:30:00""#, r#""08:30:01.500""#;
    LOCAL: moment [Timestamp] NaiveDateTime = "timestamp", "2026-01-31T08:30:00".parse().unwrap(),
        "2026-01-31T08:30:00.000001".parse().unwrap(), r#""2026-01-31T08:30:00.000001""#, r#""2026-01-31T08:30:00""#,
        r#""2026-01-31T08:30:00.000001""#;
    // The database's digits, not the caller's.
    INSTANT: instant [Timestamptz] DateTime<Utc> = "timestamptz", "2026-01-31T08:30:00Z".parse().unwrap(),
        "2026-01-31T08:30:00.000001999Z".parse().unwrap(), r#""2026-01-31T10:30:00.000001+02:00""#,
        r#""2026-01-31T08:30:00Z""#, r#""2026-01-31T08:30:00.000001Z""#;
    JSON: document [Json] serde_json::Value = "json", json!({"n": 1}), json!({"city": "Ulm", "n": [1, null]}),
        r#"{"n": [1.0, null], "city": "Ulm"}"#, r#"{"n": 1}"#, r#"{"city": "Ulm", "n": [1, null]}"#;
    JSONB: packed [Jsonb] serde_json::Value = "jsonb", json!({"n": 1}), json!({"n": 2}), r#"{"n": 2.0}"#, r#"{"n": 1}"#, r#"{"n": 2}"#;
    TEXT_ENUM: state [Text] State = "text", State::Open, State::Closed, r#""closed""#, r#""open""#, r#""closed""#;
    NUMBER_ENUM: level [SmallInt] Level = "smallint", Level::Low, Level::High, "9", "1", "9";
    NATIVE_ENUM: #[follow(text)] mood [crate::kinds::MoodSql] Mood = "mood", Mood::Sad, Mood::Glad, r#""glad""#, r#""sad""#, r#""glad""#;
    ARRAY_AS_JSON: #[follow(json)] labels [Array<Text>] Vec<String> = "text[]", vec!["a".into()], vec!["b".into(), "c".into()],
        r#"["b", "c"]"#, r#"["a"]"#, r#"["b", "c"]"#;
    }
    refused {
    ARRAY: numbers [Array<Integer>] Vec<i32> = "integer[]", vec![1], "alloc::vec::Vec<i32>";
    BYTES: bytes [Bytea] Vec<u8> = "bytea", vec![1], "alloc::vec::Vec<u8>";
    }
}
