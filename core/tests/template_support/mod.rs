//! A model with a field of every type, a row of it, and ways to render event data.
#![allow(dead_code, reason = "each test file uses its part")]

use std::str::FromStr;

use bigdecimal::BigDecimal;
use celerysalt::model::{FieldDef, ModelDef, Row};
use celerysalt::template::{RenderContext, RenderErrorKind, Template};
use celerysalt::value::{FieldType, Value};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub(crate) fn model() -> ModelDef {
    let field = |(name, ty): (&str, FieldType)| FieldDef {
        name: name.to_owned(),
        ty,
        nullable: true,
    };
    let fields = [
        ("id", FieldType::Uuid),
        ("status", FieldType::Text),
        ("stage", FieldType::Enum(vec!["lead".into(), "won".into()])),
        ("amount", FieldType::Decimal),
        ("qty", FieldType::Int),
        ("ratio", FieldType::Float),
        ("active", FieldType::Bool),
        ("paid_at", FieldType::DateTime),
        ("opens", FieldType::LocalDateTime),
        ("due", FieldType::Date),
        ("at", FieldType::Time),
        ("meta", FieldType::Json),
        ("nickname", FieldType::Text),
        ("place", FieldType::Unsupported("geometry".into())),
        ("rule", FieldType::Text),
    ];
    ModelDef::new("order", fields.map(field).to_vec())
}

pub(crate) fn row() -> Row {
    let day = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
    Row::new(vec![
        Value::Uuid(Uuid::from_u128(7)),
        Value::Text("paid".into()),
        Value::Text("won".into()),
        Value::Decimal(BigDecimal::from_str("99.90").unwrap()),
        Value::Int(3),
        Value::Float(2.0),
        Value::Bool(true),
        Value::DateTime(DateTime::parse_from_rfc3339("2026-01-31T12:00:00+02:00").unwrap()),
        Value::LocalDateTime(day.and_hms_milli_opt(8, 30, 0, 250).unwrap()),
        Value::Date(day),
        Value::Time(day.and_hms_opt(8, 30, 0).unwrap().time()),
        Value::Json(
            json!({"address": {"city": "Oslo"}, "items": [{"sku": "a-1"}, {"sku": "b-2"}], "none": null, "n": 7}),
        ),
        Value::Null,
        Value::Null,
        Value::Text("of thumb".into()),
    ])
}

pub(crate) fn old() -> Row {
    let model = model();
    let mut old = row();
    for (name, value) in [
        ("status", Value::Text("pending".into())),
        (
            "amount",
            Value::Decimal(BigDecimal::from_str("1.0").unwrap()),
        ),
        ("qty", Value::Int(i128::from(u64::MAX))),
    ] {
        old.set(model.field(name).unwrap().0, value);
    }
    old
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-02-01T00:00:00.5Z".parse().unwrap()
}

pub(crate) fn render_row(
    data: &Json,
    old: Option<&Row>,
    new: &Row,
) -> Result<Json, RenderErrorKind> {
    let model = model();
    let template = Template::compile(data, &model).unwrap_or_else(|e| panic!("{data}: {e:?}"));
    let rule = json!({"id": "r-1", "field_name": "status", "operator": "eql", "value": {"field": "status"}});
    let cx = RenderContext {
        model: &model,
        old,
        new,
        rule: &rule,
        now: now(),
    };
    template.render(&cx).map_err(|e| e.kind)
}

pub(crate) fn render(data: Json) -> Json {
    render_row(&data, Some(&old()), &row()).unwrap_or_else(|e| panic!("{data}: {e}"))
}

/// What one string renders to.
pub(crate) fn one(text: &str) -> Json {
    render(json!({"it": text}))["it"].take()
}

pub(crate) fn failure(text: &str) -> RenderErrorKind {
    match render_row(&json!({"it": text}), Some(&old()), &row()) {
        Ok(data) => panic!("{text} gave {} bytes", data.to_string().len()),
        Err(kind) => kind,
    }
}

/// The errors of compiling one string.
pub(crate) fn wrong(text: &str) -> String {
    let errors = Template::compile(&json!({"it": text}), &model()).expect_err(text);
    assert!(
        errors.iter().all(|e| e.path == "event_data.it"),
        "{errors:?}"
    );
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
