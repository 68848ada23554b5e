//! A struct with a field of every type, and what its rules fire.

use std::fmt;

use bigdecimal::BigDecimal;
use celerysalt::event;
use celerysalt::rules::Rule;
use celerysalt::value::{FieldType, Value};
use celerysalt_plain::{AsField, FollowActions, Rules};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// Something happened.
#[event("types.happened")]
pub(crate) struct Happened {
    /// What.
    pub(crate) what: String,
}

/// A field became something.
#[event("types.became")]
pub(crate) struct Became {
    /// What.
    pub(crate) what: serde_json::Value,
}

/// Something else happened.
#[event("types.other")]
pub(crate) struct Other {}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Size {
    Small,
    Large,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Small => "small",
            Self::Large => "large",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Status {
    Open,
    Shut,
}

impl AsField for Status {
    fn field_type() -> FieldType {
        FieldType::Enum(vec!["open".into(), "shut".into()])
    }

    fn value(&self) -> Value {
        let name = match self {
            Self::Open => "open",
            Self::Shut => "shut",
        };
        Value::Text(name.into())
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) city: String,
}

/// Not serde, not `Display`: rules do not see it.
#[derive(Clone, Default)]
pub(crate) struct Handle;

#[derive(Clone, Serialize, Deserialize, FollowActions)]
#[follow(key = ["tenant", "number"], events = ["types.happened", Other], rules = "rules", code_rules = in_code)]
pub(crate) struct AllTypes {
    pub(crate) tenant: Uuid,
    pub(crate) number: u32,
    pub(crate) flag: bool,
    pub(crate) tiny: i8,
    pub(crate) small: i16,
    pub(crate) medium: i32,
    pub(crate) large: i64,
    pub(crate) unsigned_tiny: u8,
    pub(crate) unsigned_small: u16,
    pub(crate) wide: u64,
    pub(crate) single: f32,
    pub(crate) double: f64,
    pub(crate) decimal: Decimal,
    pub(crate) big: BigDecimal,
    pub(crate) text: String,
    pub(crate) maybe: Option<String>,
    pub(crate) r#type: Box<str>,
    pub(crate) instant: DateTime<Utc>,
    pub(crate) offset: DateTime<FixedOffset>,
    pub(crate) local: NaiveDateTime,
    pub(crate) date: NaiveDate,
    pub(crate) time: NaiveTime,
    pub(crate) document: serde_json::Value,
    pub(crate) bytes: Vec<u8>,
    pub(crate) status: Status,
    #[follow(text)]
    pub(crate) size: Option<Size>,
    #[follow(json)]
    pub(crate) address: Address,
    #[serde(skip)]
    #[follow(skip)]
    pub(crate) _handle: Handle,
    pub(crate) rules: Rules,
}

fn in_code() -> Rules {
    let draft = Rule::when(AllTypes::SIZE).eql("large");
    let rule = draft.emit::<Happened>(json!({"what": "{{ type }} {{ decimal }}"}));
    vec![rule.id("in code")].into()
}

pub(crate) const DIGITS: &str = "12345678901234567.8901234567";

pub(crate) fn all_types() -> AllTypes {
    let instant: DateTime<FixedOffset> = "2026-11-23T10:00:00+02:00".parse().unwrap();
    AllTypes {
        tenant: Uuid::nil(),
        number: 7,
        flag: true,
        tiny: i8::MIN,
        small: i16::MIN,
        medium: i32::MIN,
        large: i64::MIN,
        unsigned_tiny: u8::MAX,
        unsigned_small: u16::MAX,
        wide: u64::MAX,
        single: 0.1,
        double: 0.5,
        decimal: DIGITS.parse().unwrap(),
        big: DIGITS.parse().unwrap(),
        text: "a".into(),
        maybe: None,
        r#type: "box".into(),
        instant: instant.to_utc(),
        offset: instant,
        local: instant.naive_local(),
        date: instant.date_naive(),
        time: instant.time(),
        document: json!({"a": [1]}),
        bytes: vec![1],
        status: Status::Open,
        size: Some(Size::Small),
        address: Address {
            city: "Bern".into(),
        },
        _handle: Handle,
        rules: Rules::new(),
    }
}
