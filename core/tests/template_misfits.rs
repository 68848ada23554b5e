//! Event data that cannot satisfy its event's schema.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::catalog::EventSchema;
use celerysalt::model::{FieldDef, ModelDef};
use celerysalt::template::Template;
use celerysalt::value::FieldType;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde_json::{Value as Json, json};
use uuid::Uuid;

#[derive(JsonSchema)]
#[allow(dead_code)]
struct Paid {
    order_id: Uuid,
    amount: Decimal,
    at: DateTime<Utc>,
    qty: i64,
    ratio: f64,
    vip: bool,
    note: Option<String>,
    kind: Kind,
    address: Option<Address>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Kind {
    Card,
    Cash { till: i32 },
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Address {
    city: String,
    zip: Option<u32>,
}

fn schema(document: Json) -> EventSchema {
    EventSchema::compile(document).unwrap()
}

fn model() -> ModelDef {
    let field = |(name, ty): (&str, FieldType)| FieldDef {
        name: name.to_owned(),
        ty,
        nullable: true,
    };
    let fields = [
        ("id", FieldType::Uuid),
        ("status", FieldType::Text),
        ("amount", FieldType::Decimal),
        ("qty", FieldType::Int),
        ("ratio", FieldType::Float),
        ("active", FieldType::Bool),
        ("paid_at", FieldType::DateTime),
        ("meta", FieldType::Json),
    ];
    ModelDef::new("order", fields.map(field).to_vec())
}

fn misfits_of(data: &Json, schema: &EventSchema) -> Vec<String> {
    let model = model();
    let template = Template::compile(data, &model).unwrap_or_else(|e| panic!("{e:?}"));
    let misfits = template.misfits(&model, schema);
    misfits.iter().map(|m| format!("{}: {m}", m.path)).collect()
}

fn fitting() -> Json {
    json!({
        "order_id": "{{ id }}", "amount": "{{ amount }}", "at": "{{ paid_at }}", "qty": "{{ qty }}",
        "ratio": "{{ ratio }}", "vip": "{{ active }}", "note": "{{ status }}", "kind": "card",
    })
}

/// The misfits of good data with this changed (or, null, removed).
fn with(change: Json) -> Vec<String> {
    let mut data = fitting();
    for (key, value) in change.as_object().unwrap() {
        match value {
            Json::Null => data.as_object_mut().unwrap().remove(key),
            value => data
                .as_object_mut()
                .unwrap()
                .insert(key.clone(), value.clone()),
        };
    }
    let document = serde_json::to_value(schemars::schema_for!(Paid)).unwrap();
    misfits_of(&data, &schema(document))
}

#[test]
fn fitting_data_has_no_misfits() {
    assert_eq!(with(json!({})), [""; 0]);
    for change in [
        json!({"note": null}),
        json!({"note": "paid by {{ status }}"}),
        json!({"amount": "12.50"}),
        json!({"amount": 12.5}),
        json!({"amount": "{{ qty }}"}),
        json!({"ratio": "{{ qty }}"}),
        json!({"kind": {"cash": {"till": "{{ qty }}"}}}),
        json!({"kind": {"cash": {"till": "{{ meta.till }}"}}}),
        json!({"address": {"city": "{{ status }}", "zip": "{{ qty }}"}}),
        json!({"address": "{{ meta.address }}"}),
        json!({"address": {"city": "{{ meta.city }}", "zip": "{{ meta.zip }}"}}),
        json!({"tags": ["{{ status }}", "x", "{{ meta.tag }}"]}),
        json!({"tags": "{{ meta }}"}),
        json!({"order_id": "{{ status }}"}),
        json!({"at": "{{ now }}"}),
        json!({"qty": "{{ qty + 1 }}"}),
    ] {
        assert_eq!(with(change.clone()), [""; 0], "{change}");
    }
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        with(json!({"order_id": null})),
        ["event_data: the event requires `order_id`; add \"order_id\": … here"]
    );
    assert_eq!(
        with(json!({"address": {"zip": 1}})),
        ["event_data.address: the event requires `city`; add \"city\": … here"]
    );
}

#[test]
fn a_property_too_many_is_named() {
    assert_eq!(
        with(json!({"address": {"city": "{{ status }}", "street": "{{ status }}"}})),
        ["event_data.address: the event has no `street`; remove it here"]
    );
}

#[test]
fn fields_of_another_type_do_not_fit() {
    let one = |change: Json| {
        let found = with(change);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    assert_eq!(
        one(json!({"qty": "{{ status }}"})),
        "event_data.qty: `status` is text, but to the event its value is not of type \"integer\"; send a field of that type"
    );
    assert!(one(json!({"qty": "{{ ratio }}"})).contains("`ratio` is a float"));
    assert!(one(json!({"qty": "{{ amount }}"})).contains("`amount` is a decimal"));
    assert!(one(json!({"ratio": "{{ amount }}"})).contains("`amount` is a decimal"));
    assert!(one(json!({"vip": "{{ old.qty }}"})).contains("`old.qty` is an integer"));
    assert!(one(json!({"note": "{{ qty }}"})).contains("`qty` is an integer"));
    assert!(one(json!({"qty": "{{ qty }} pieces"})).contains("a text with expressions"));
    assert!(one(json!({"qty": "{{ rule.id }}"})).contains("`rule.id` is text"));
    assert!(one(json!({"tags": ["{{ qty }}"]})).starts_with("event_data.tags[0]: `qty`"));
    assert!(
        one(json!({"address": {"city": "{{ qty }}"}}))
            .starts_with("event_data.address.city: `qty`")
    );
    assert!(
        one(json!({"address": "{{ status }}"})).starts_with("event_data.address: `status` is text")
    );
}

#[test]
fn literals_are_judged_wholly() {
    let found = with(json!({"qty": "three"}));
    assert_eq!(
        found,
        [
            "event_data.qty: the event does not take this: value is not of type \"integer\"; change it to what the event takes"
        ]
    );
    assert_eq!(with(json!({"kind": "cheque"})).len(), 1);
    assert_eq!(
        with(json!({"amount": "a lot"})).len(),
        1,
        "a decimal's pattern"
    );
    assert_eq!(with(json!({"kind": {"cash": {"till": "one"}}})).len(), 1);
    assert_eq!(with(json!({"qty": "x", "vip": 1})).len(), 2);
}

#[test]
fn ranges_and_names_are_not_asked_of_fields() {
    let schema = schema(json!({
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1000},
            "s": {"type": "string", "enum": ["a", "b"], "pattern": "^z", "minLength": 99},
            "c": {"const": 7},
            "never": false,
            "list": {"type": "array", "minItems": 2, "uniqueItems": true},
        },
        "additionalProperties": false,
    }));
    let data = json!({"n": "{{ qty }}", "s": "{{ status }}", "c": "{{ qty }}", "list": ["{{ qty }}", "{{ qty }}"]});
    assert_eq!(misfits_of(&data, &schema), [""; 0]);
    for (data, path) in [
        (json!({"n": 1}), "event_data.n: "),
        (json!({"s": "{{ qty }}"}), "event_data.s: "),
        (json!({"never": "{{ meta.x }}"}), "event_data.never: "),
        (json!({"list": ["{{ meta.x }}"]}), "event_data.list: "),
        (
            json!({"more": "{{ meta.x }}"}),
            "event_data: the event has no `more`",
        ),
    ] {
        let found = misfits_of(&data, &schema);
        assert_eq!(found.len(), 1, "{data}: {found:?}");
        assert!(found[0].starts_with(path), "{found:?}");
    }
}

#[test]
fn keys_with_slashes_keep_their_place() {
    let schema = schema(json!({"properties": {"a/b": {"properties": {"~": {"type": "integer"}}}}}));
    let found = misfits_of(&json!({"a/b": {"~": "{{ status }}"}}), &schema);
    assert!(
        found[0].starts_with("event_data[\"a/b\"][\"~\"]: `status`"),
        "{found:?}"
    );
}
