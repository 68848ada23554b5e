//! What the derive makes of a struct: every type of field, keys, rules in code, events that are allowed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod model;

use std::convert::Infallible;

use bigdecimal::BigDecimal;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt::value::{FieldType, Value};
use celerysalt_plain::{Fired, Follow, FollowActions, Rules, SaveError, Tracked};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use model::{Address, AllTypes, Became, DIGITS, Happened, Other, Size, Status, all_types};

#[test]
fn fields_have_the_types_and_values_of_rust() {
    let model = AllTypes::definition();
    assert_eq!(model.name(), "all_types");
    let row = all_types().row();
    let instant: DateTime<FixedOffset> = "2026-11-23T08:00:00Z".parse().unwrap();
    let offset: DateTime<FixedOffset> = "2026-11-23T10:00:00+02:00".parse().unwrap();
    let bytes = FieldType::Unsupported("alloc::vec::Vec<u8>".into());
    let status = FieldType::Enum(vec!["open".into(), "shut".into()]);
    let expected = [
        ("tenant", FieldType::Uuid, Value::Uuid(Uuid::nil())),
        ("number", FieldType::Int, Value::Int(7)),
        ("flag", FieldType::Bool, Value::Bool(true)),
        ("tiny", FieldType::Int, Value::Int(i8::MIN.into())),
        ("small", FieldType::Int, Value::Int(i16::MIN.into())),
        ("medium", FieldType::Int, Value::Int(i32::MIN.into())),
        ("large", FieldType::Int, Value::Int(i64::MIN.into())),
        ("unsigned_tiny", FieldType::Int, Value::Int(u8::MAX.into())),
        (
            "unsigned_small",
            FieldType::Int,
            Value::Int(u16::MAX.into()),
        ),
        ("wide", FieldType::Int, Value::Int(u64::MAX.into())),
        ("single", FieldType::Float, Value::Float(0.1)),
        ("double", FieldType::Float, Value::Float(0.5)),
        (
            "decimal",
            FieldType::Decimal,
            Value::Decimal(DIGITS.parse().unwrap()),
        ),
        (
            "big",
            FieldType::Decimal,
            Value::Decimal(DIGITS.parse().unwrap()),
        ),
        ("text", FieldType::Text, Value::Text("a".into())),
        ("maybe", FieldType::Text, Value::Null),
        ("type", FieldType::Text, Value::Text("box".into())),
        ("instant", FieldType::DateTime, Value::DateTime(instant)),
        ("offset", FieldType::DateTime, Value::DateTime(offset)),
        (
            "local",
            FieldType::LocalDateTime,
            Value::LocalDateTime(offset.naive_local()),
        ),
        ("date", FieldType::Date, Value::Date(offset.date_naive())),
        ("time", FieldType::Time, Value::Time(offset.time())),
        ("document", FieldType::Json, Value::Json(json!({"a": [1]}))),
        ("bytes", bytes, Value::Null),
        ("status", status, Value::Text("open".into())),
        ("size", FieldType::Text, Value::Text("small".into())),
        (
            "address",
            FieldType::Json,
            Value::Json(json!({"city": "Bern"})),
        ),
    ];
    assert_eq!(
        model.fields().len(),
        expected.len(),
        "neither rules nor skipped"
    );
    for (at, (name, ty, value)) in expected.into_iter().enumerate() {
        let field = &model.fields()[at];
        assert_eq!((field.name.as_str(), &field.ty), (name, &ty));
        assert_eq!(row.value(at), &value, "{name}");
        assert_eq!(field.nullable, ["maybe", "size"].contains(&name), "{name}");
    }
}

#[test]
fn a_key_of_several_fields_and_raw_names() {
    assert_eq!(
        all_types().aggregate(),
        "all_types:00000000-0000-0000-0000-000000000000,7"
    );
    assert_eq!(AllTypes::TYPE.name(), "type");
}

#[test]
fn rules_in_code_fire_for_every_row_and_persist() {
    celerysalt_plain::check_code_rules::<AllTypes>().unwrap();
    let mut row = Tracked::loaded(all_types());
    for size in [Size::Large, Size::Small, Size::Large] {
        row.size = Some(size);
        let fires = size == Size::Large;
        let both = |_: &AllTypes, events: &Fired| {
            assert_eq!(events.len(), usize::from(fires));
            for event in events {
                assert_eq!(event.payload["what"], format!("box {DIGITS}"));
            }
            Ok::<_, Infallible>(())
        };
        row.save_with_sync(both).unwrap();
    }
}

#[test]
fn every_kind_of_field_is_compared_by_its_type() {
    let happened = |what: &str| json!({ "what": what });
    let mut row = Tracked::loaded(all_types());
    row.rules.extend([
        Rule::when("address.city")
            .eql("Basel")
            .emit::<Happened>(happened("moved")),
        Rule::when(AllTypes::STATUS)
            .eql("shut")
            .emit::<Happened>(happened("shut")),
        Rule::when(AllTypes::DECIMAL)
            .increased_by("0.0000000001")
            .emit::<Happened>(happened("more")),
        Rule::when(AllTypes::MAYBE)
            .not_null()
            .emit::<Happened>(happened("there")),
        // The same instant under another offset is no change.
        Rule::when(AllTypes::OFFSET)
            .changed()
            .emit::<Happened>(happened("never")),
    ]);
    row.address.city = "Basel".into();
    row.status = Status::Shut;
    row.decimal += "0.0000000001".parse::<Decimal>().unwrap();
    row.maybe = Some(String::new());
    row.offset = "2026-11-23T08:00:00+00:00".parse().unwrap();
    let both = |row: &AllTypes, events: &Fired| {
        let fired: Vec<_> = events.iter().map(|event| &event.payload["what"]).collect();
        assert_eq!(fired, ["moved", "shut", "more", "there"]);
        assert_eq!(row.rules.len(), 1);
        Ok::<_, Infallible>(())
    };
    row.save_with_sync(both).unwrap();
}

macro_rules! maybe {
    ($($(#[$attr:meta])* $field:ident: $ty:ty = $value:expr, $shown:tt;)+) => {
        /// A field of each type, that may be null.
        #[derive(Clone, Serialize, Deserialize, FollowActions)]
        #[follow(key = "id", events = [Became], rules = "rules")]
        struct Maybe {
            id: u32,
            $($(#[$attr])* $field: Option<$ty>,)+
            bytes: Option<Vec<u8>>,
            rules: Rules,
        }

        impl Maybe {
            fn none() -> Self {
                Self { id: 1, $($field: None,)+ bytes: None, rules: Rules::new() }
            }

            fn some(rules: Rules) -> Self {
                Self { $($field: Some($value),)+ rules, ..Self::none() }
            }
        }

        /// The fields, and their values as events show them.
        fn shown() -> Vec<(&'static str, serde_json::Value)> {
            vec![$((stringify!($field), json!($shown))),+]
        }
    };
}

maybe! {
    flag: bool = true, true;
    tiny: i8 = i8::MIN, (-128);
    small: i16 = i16::MIN, (-32_768);
    medium: i32 = i32::MIN, (i32::MIN);
    large: i64 = i64::MIN, (i64::MIN);
    unsigned_tiny: u8 = u8::MAX, 255;
    unsigned_small: u16 = u16::MAX, 65_535;
    unsigned_medium: u32 = u32::MAX, (u32::MAX);
    unsigned_large: u64 = u64::MAX, (u64::MAX);
    single: f32 = 0.1, 0.1;
    double: f64 = 1e300, 1e300;
    decimal: Decimal = DIGITS.parse().unwrap(), DIGITS;
    big: BigDecimal = DIGITS.parse().unwrap(), DIGITS;
    text: String = "ä".into(), "ä";
    uuid: Uuid = Uuid::max(), "ffffffff-ffff-ffff-ffff-ffffffffffff";
    date: NaiveDate = "2026-02-01".parse().unwrap(), "2026-02-01";
    time: NaiveTime = "08:30:01".parse().unwrap(), "08:30:01";
    local: NaiveDateTime = "2026-01-31T08:30:00.000001".parse().unwrap(), "2026-01-31T08:30:00.000001";
    instant: DateTime<Utc> = "2026-01-31T08:30:00.000001Z".parse().unwrap(), "2026-01-31T08:30:00.000001Z";
    offset: DateTime<FixedOffset> = "2026-01-31T10:30:00+02:00".parse().unwrap(), "2026-01-31T10:30:00+02:00";
    document: serde_json::Value = json!({"a": [1, null]}), {"a": [1, null]};
    status: Status = Status::Shut, "shut";
    #[follow(text)] size: Size = Size::Large, "large";
    #[follow(json)] address: Address = Address { city: "Bern".into() }, {"city": "Bern"};
    #[follow(json)] numbers: Vec<i32> = vec![1, 2], [1, 2];
}

#[test]
fn every_type_may_be_null_and_comes_exactly_into_its_event() {
    let tells = |field: &str, rule: celerysalt::rules::RuleDraft| {
        let rule = rule.emit::<Became>(json!({ "what": format!("{{{{ {field} }}}}") }));
        rule.persistent()
    };
    let mut row = Tracked::loaded(Maybe::none());
    for (field, shown) in shown() {
        row.rules.extend([
            tells(field, Rule::when(field).not_null()),
            tells(field, Rule::when(field).eql(shown)),
            tells(field, Rule::when(field).is_null()),
        ]);
    }
    *row = Maybe::some(row.rules.clone());
    let filled = |_: &Maybe, events: &Fired| {
        let told: Vec<_> = events.iter().map(|event| &event.payload["what"]).collect();
        let shown = shown();
        let expected: Vec<_> = shown.iter().flat_map(|(_, shown)| [shown, shown]).collect();
        assert_eq!(told, expected);
        Ok::<_, Infallible>(())
    };
    row.save_with_sync(filled).unwrap();
    let rules = row.rules.clone();
    *row = Maybe {
        rules,
        ..Maybe::none()
    };
    let emptied = |_: &Maybe, events: &Fired| {
        assert_eq!(events.len(), shown().len());
        assert!(events.iter().all(|event| event.payload["what"].is_null()));
        Ok::<_, Infallible>(())
    };
    row.save_with_sync(emptied).unwrap();
    row.rules
        .push(tells("bytes", Rule::when("bytes").not_null()));
    let never = |_: &Maybe, _: &Fired| -> Result<(), Infallible> { panic!("refused") };
    let refused = row.save_with_sync(never).unwrap_err().to_string();
    assert!(refused.contains("Vec<u8>"), "{refused}");
}

#[test]
fn rules_may_emit_only_what_the_model_allows_and_name_only_what_is_seen() {
    let fails = |rule: Rule| {
        let mut row = Tracked::new(all_types());
        row.rules.push(rule);
        let never = |_: &AllTypes, _: &Fired| -> Result<(), Infallible> { panic!("refused") };
        let error = row.save_with_sync(never).unwrap_err();
        assert!(matches!(error, SaveError::Follow(_)));
        error.to_string()
    };
    let insert = [Operation::Insert];
    let topic = fails(
        Rule::when("text")
            .changed()
            .emit_topic("order.paid", json!({}))
            .on(insert),
    );
    assert!(topic.contains("order.paid"), "{topic}");
    let skipped = fails(
        Rule::when("_handle")
            .changed()
            .emit::<Other>(json!({}))
            .on(insert),
    );
    assert!(skipped.contains("_handle"), "{skipped}");
    let bytes = fails(
        Rule::when(AllTypes::BYTES)
            .changed()
            .emit::<Other>(json!({}))
            .on(insert),
    );
    assert!(bytes.contains("Vec<u8>"), "{bytes}");
    let name = fails(
        Rule::when(AllTypes::STATUS)
            .eql("open!")
            .emit::<Other>(json!({}))
            .on(insert),
    );
    assert!(name.contains("open!"), "{name}");
}

#[test]
fn a_row_keeps_its_rules_over_serde() {
    let mut row = all_types();
    row.rules.push(
        Rule::when(AllTypes::TEXT)
            .changed()
            .emit::<Other>(json!({})),
    );
    let text = serde_json::to_string(&row).unwrap();
    let mut again: Tracked<AllTypes> = Tracked::loaded(serde_json::from_str(&text).unwrap());
    assert_eq!(again.rules, row.rules);
    again.text = "b".into();
    let both = |_: &AllTypes, events: &Fired| {
        assert_eq!(events[0].topic, "types.other");
        Ok::<_, Infallible>(())
    };
    again.save_with_sync(both).unwrap();
    assert!(again.rules.is_empty());
}

#[derive(Clone, FollowActions)]
#[follow(key = ["hall", "day", "part"])]
struct Shift {
    hall: String,
    day: NaiveDate,
    part: String,
    on_change_rules: Rules,
}

#[test]
fn no_two_keys_have_one_name() {
    let named = |hall: &str, part: &str| {
        let shift = Shift {
            hall: hall.into(),
            day: "2026-01-31".parse().unwrap(),
            part: part.into(),
            on_change_rules: Rules::new(),
        };
        shift.aggregate()
    };
    assert_eq!(
        named("a,2026-01-31,b", "c"),
        r"shift:a\,2026-01-31\,b,2026-01-31,c"
    );
    assert_eq!(
        named("a", "b,2026-01-31,c"),
        r"shift:a,2026-01-31,b\,2026-01-31\,c"
    );
    assert_eq!(named(r"a\", "b"), r"shift:a\\,2026-01-31,b");
}
