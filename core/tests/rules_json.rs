//! What stands inside of JSON fields: lists, wide numbers, positions.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::value::Value;
use rules_support::{Save, dec, model, rule, text};
use serde_json::{Value as Json, json};

#[test]
fn a_list_in_a_json_field_is_looked_up() {
    let m = model();
    let holds = |operator: &str, field: &str, value: Value, allowed: Json| {
        let old = [("metadata", Value::Json(json!({"allowed": ["old", "10.0"]})))];
        let new = [
            (field, value),
            ("metadata", Value::Json(json!({"allowed": allowed}))),
        ];
        let reference = json!({"field": "metadata.allowed"});
        let keys =
            json!({"field_name": field, "operator": operator, "value": reference, "edge": "level"});
        Save::update(&m, &old, &new).fires(&rule(keys))
    };
    for (field, value, allowed, listed) in [
        ("status", text("paid"), json!(["sent", "paid"]), Some(true)),
        ("status", text("paid"), json!([]), Some(false)),
        ("amount", dec("10"), json!([10.0]), Some(true)),
        ("amount", dec("10"), json!(["10.00"]), Some(true)),
        ("count", Value::Int(3), json!([1, 2]), Some(false)),
        ("status", Value::Null, json!(["paid", null]), None),
        ("status", text("paid"), json!("paid"), None),
        ("status", text("paid"), json!(null), None),
    ] {
        let said = format!("{field} {value:?} {allowed}");
        assert_eq!(
            holds("in", field, value.clone(), allowed.clone()),
            listed == Some(true),
            "{said}"
        );
        assert_eq!(
            holds("not_in", field, value, allowed),
            listed == Some(false),
            "{said}"
        );
    }
    let was_allowed = rule(
        json!({"field_name": "status", "operator": "in", "value": {"old": "metadata.allowed"}}),
    );
    let old = [("metadata", Value::Json(json!({"allowed": ["old"]})))];
    assert!(Save::update(&m, &old, &[("status", text("old"))]).fires(&was_allowed));
    assert!(!Save::update(&m, &old, &[("status", text("new"))]).fires(&was_allowed));
}

#[test]
fn numbers_in_json_that_are_wider_than_a_double_are_numbers() {
    let m = model();
    // As `keep_digits` hands them on.
    let wide = "12345678901234567890.123456789";
    let more = "12345678901234567890.12345678900000001";
    let holds = |new: Json, operator: &str, value: Json| {
        let keys = json!({"field_name": "metadata.n", "operator": operator, "value": value, "edge": "level"});
        Save::update(&m, &[], &[("metadata", Value::Json(json!({"n": new})))]).fires(&rule(keys))
    };
    assert!(holds(json!(wide), "eql", json!(format!("{wide}0"))));
    assert!(!holds(json!(wide), "eql", json!(more)));
    assert!(holds(json!(more), "gt", json!(wide)));
    assert!(holds(json!(wide), "gt", json!(5)));
    assert!(holds(json!(wide), "lt", json!(1e30)));
    assert!(holds(json!(5), "lt", json!(wide)));
    assert!(holds(
        json!("99999999999999999999"),
        "lt",
        json!("100000000000000000001")
    ));
    assert!(holds(json!("18446744073709551616"), "gt", json!(u64::MAX)));
    // Beside text it stays the text that it may be.
    assert!(holds(json!(wide), "starts_with", json!("1234")));
    assert!(holds(
        json!("12345678901234567890"),
        "gt",
        json!("12345 and text")
    ));
    let grown = rule(json!({"field_name": "metadata.n", "operator": "increased_by", "value": 1}));
    let doc = |n: Json| [("metadata", Value::Json(json!({"n": n})))];
    assert!(Save::update(&m, &doc(json!(1)), &doc(json!(wide))).fires(&grown));
    assert!(!Save::update(&m, &doc(json!(wide)), &doc(json!(more))).fires(&grown));
}

#[test]
fn only_a_plain_number_is_a_position() {
    let m = model();
    let fires = |path: &str, doc: Json| {
        let keys = json!({"field_name": path, "operator": "eql", "value": "a"});
        Save::update(&m, &[], &[("metadata", Value::Json(doc))]).fires(&rule(keys))
    };
    assert!(fires("metadata.0", json!(["a"])));
    for key in ["00", "+0", "-1", "1", "99999999999999999999999"] {
        let path = format!("metadata.{key}");
        assert!(!fires(&path, json!(["a"])), "{key}");
        assert!(fires(&path, json!({ key: "a" })), "{key}");
    }
}
