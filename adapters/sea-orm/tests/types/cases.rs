//! Three values of each type, as SeaORM takes them and as rules and events write them.

use celerysalt_sea_orm::ExactDecimal;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sea_orm::prelude::{BigDecimal, Decimal};
use sea_orm::{DbBackend, Value};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::models::{Grade, Level, Mood};

/// A type of column.
pub(crate) struct Case {
    /// The type in words.
    pub(crate) name: &'static str,
    pub(crate) field: &'static str,
    /// In ascending order, where there is one.
    pub(crate) values: [Value; 3],
    pub(crate) is_ordered: bool,
    pub(crate) is: Is,
}

pub(crate) enum Is {
    /// The values as JSON.
    Carried([Json; 3]),
    /// No rule can stand on it; the type's name.
    Refused(&'static str),
}

impl Case {
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.is, Is::Refused(_))
    }
}

fn ordered<T: Into<Value>>(
    name: &'static str,
    field: &'static str,
    values: [T; 3],
    json: [Json; 3],
) -> Case {
    Case {
        name,
        field,
        values: values.map(Into::into),
        is_ordered: true,
        is: Is::Carried(json),
    }
}

fn unordered<T: Into<Value>>(
    name: &'static str,
    field: &'static str,
    values: [T; 3],
    json: [Json; 3],
) -> Case {
    Case {
        is_ordered: false,
        ..ordered(name, field, values, json)
    }
}

fn refused<T: Into<Value>>(
    name: &'static str,
    field: &'static str,
    values: [T; 3],
    ty: &'static str,
) -> Case {
    Case {
        is: Is::Refused(ty),
        ..unordered(name, field, values, [json!(0), json!(1), json!(2)])
    }
}

pub(crate) fn cases(backend: DbBackend) -> Vec<Case> {
    [integers(backend), numbers(backend), times(), others()]
        .into_iter()
        .flatten()
        .collect()
}

fn integers(backend: DbBackend) -> Vec<Case> {
    // PostgreSQL has no unsigned integers: an u32 stands in an `integer`.
    let most = match backend {
        DbBackend::Postgres => i32::MAX as u32,
        _ => u32::MAX,
    };
    vec![
        ordered(
            "i8",
            "v_tiny",
            [i8::MIN, 7, i8::MAX],
            [json!(-128), json!(7), json!(127)],
        ),
        ordered(
            "i16",
            "v_small",
            [i16::MIN, 7, i16::MAX],
            [json!(i16::MIN), json!(7), json!(i16::MAX)],
        ),
        ordered(
            "i32",
            "v_int",
            [i32::MIN, 7, i32::MAX],
            [json!(i32::MIN), json!(7), json!(i32::MAX)],
        ),
        ordered(
            "i64",
            "v_big",
            [i64::MIN, i64::MAX - 1, i64::MAX],
            [json!(i64::MIN), json!(i64::MAX - 1), json!(i64::MAX)],
        ),
        ordered(
            "u8",
            "v_utiny",
            [0, 7, u8::MAX],
            [json!(0), json!(7), json!(255)],
        ),
        ordered(
            "u16",
            "v_usmall",
            [0, 7, u16::MAX],
            [json!(0), json!(7), json!(u16::MAX)],
        ),
        ordered(
            "u32",
            "v_uint",
            [0, 7, most],
            [json!(0), json!(7), json!(most)],
        ),
        ordered(
            "u64",
            "v_ubig",
            [0, u64::MAX - 1, u64::MAX],
            [json!(0), json!(u64::MAX - 1), json!(u64::MAX)],
        ),
    ]
}

fn numbers(backend: DbBackend) -> Vec<Case> {
    let exact = [
        "-0.0000000001",
        "99.9000000000",
        "123456789012345678.9012345678",
    ];
    let wide = [
        "-0.00000000000000000001",
        "99.90000000000000000001",
        "1234567890123456789012345678901234.12345678901234567890",
    ];
    let (plain, wide) = match backend {
        // SeaORM reads these through a double: a `Decimal` as its 15 digits, a `BigDecimal` as it is in binary.
        DbBackend::Sqlite => (
            ["-0.5", "99.9", "1234567890.12345"],
            ["-0.5", "99.75", "1234567890.125"],
        ),
        _ => (exact, wide),
    };
    let floats = [-1.5_f32, 0.1, 3.25e30];
    vec![
        ordered(
            "f32",
            "v_float",
            floats,
            [json!(-1.5), json!(0.1), json!(3.25e30)],
        ),
        ordered(
            "f64",
            "v_double",
            [-0.1, 0.1 + 0.2, f64::MAX],
            [json!(-0.1), json!(0.1 + 0.2), json!(f64::MAX)],
        ),
        ordered(
            "Decimal",
            "v_decimal",
            plain.map(|digits| digits.parse::<Decimal>().unwrap()),
            plain.map(|digits| json!(digits)),
        ),
        ordered(
            "ExactDecimal",
            "v_exact",
            exact.map(|digits| digits.parse::<ExactDecimal>().unwrap()),
            exact.map(|digits| json!(digits)),
        ),
        ordered(
            "BigDecimal",
            "v_wide",
            wide.map(|digits| digits.parse::<BigDecimal>().unwrap()),
            wide.map(|digits| json!(digits)),
        ),
    ]
}

fn times() -> Vec<Case> {
    let dates = ["1969-12-31", "2024-02-29", "9999-12-31"];
    let times = ["00:00:00", "12:34:56.789012", "23:59:59.999999"];
    let locals = [
        "1970-01-02T00:00:01",
        "2024-02-29T12:34:56.789012",
        "2037-12-31T23:59:59.999999",
    ];
    let instants = [
        "1970-01-02T00:00:01Z",
        "2024-02-29T12:34:56.789012Z",
        "2037-12-31T23:59:59.999999Z",
    ];
    vec![
        ordered(
            "date",
            "v_date",
            dates.map(|text| text.parse::<NaiveDate>().unwrap()),
            dates.map(|text| json!(text)),
        ),
        ordered(
            "time",
            "v_time",
            times.map(|text| text.parse::<NaiveTime>().unwrap()),
            times.map(|text| json!(text)),
        ),
        ordered(
            "date and time",
            "v_local",
            locals.map(|text| text.parse::<NaiveDateTime>().unwrap()),
            locals.map(|text| json!(text)),
        ),
        ordered(
            "instant (UTC)",
            "v_instant",
            instants.map(|text| text.parse::<DateTime<Utc>>().unwrap()),
            instants.map(|text| json!(text)),
        ),
        ordered(
            "instant with offset",
            "v_offset",
            instants.map(|text| DateTime::<FixedOffset>::parse_from_rfc3339(text).unwrap()),
            instants.map(|text| json!(text)),
        ),
    ]
}

fn others() -> Vec<Case> {
    let texts = ["", "größer 😀 'quoted' {{ id }}", "z"];
    let ids = [1_u128, 2, u128::MAX].map(Uuid::from_u128);
    let docs = [
        json!({}),
        json!({"a": {"b": [1, null, "x"]}, "c": 0.1}),
        json!([true]),
    ];
    vec![
        ordered("text", "v_text", texts, texts.map(|text| json!(text))),
        unordered(
            "bool",
            "v_flag",
            [false, true, false],
            [json!(false), json!(true), json!(false)],
        ),
        unordered("uuid", "v_uuid", ids, ids.map(|id| json!(id))),
        unordered("JSON", "v_json", docs.clone(), docs),
        unordered(
            "enum of text",
            "v_grade",
            [Grade::Low, Grade::Middle, Grade::Top],
            [json!("low"), json!("middle"), json!("top")],
        ),
        ordered(
            "enum of integers",
            "v_level",
            [Level::None, Level::Some, Level::All],
            [json!(0), json!(10), json!(20)],
        ),
        unordered(
            "enum of the database",
            "v_mood",
            [Mood::Bad, Mood::Fair, Mood::Good],
            [json!("bad"), json!("fair"), json!("good")],
        ),
        refused(
            "bytes",
            "v_bytes",
            [vec![], vec![0_u8, 255], vec![7]],
            "Bytes",
        ),
        refused(
            "array of integers",
            "v_ints",
            [vec![], vec![1, 2], vec![3]],
            "array of Int",
        ),
        refused(
            "array of text",
            "v_texts",
            [vec![], vec!["a".to_owned()], vec![String::new()]],
            "array of String",
        ),
    ]
}
