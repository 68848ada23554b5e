//! Every operator on every type: what holds, what does not, and where it has no meaning.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::model::ModelDef;
use celerysalt::rules::{Operator, RuleErrorKind, Rules, check};
use celerysalt::value::{FieldType, Value};
use rules_support::{Catalog, Save, at, dec, model, rule, text};
use serde_json::{Value as Json, json};

fn local(value: &str) -> Value {
    Value::LocalDateTime(value.parse().unwrap())
}

fn uuid(value: u128) -> Value {
    Value::Uuid(uuid::Uuid::from_u128(value))
}

fn level(
    model: &ModelDef,
    field: &str,
    root: &str,
    new: Value,
    operator: &str,
    value: Json,
) -> bool {
    let mut keys = json!({"field_name": field, "operator": operator, "edge": "level"});
    if Operator::named(operator).unwrap().takes_value() {
        keys["value"] = value;
    }
    Save::update(model, &[], &[(root, new)]).fires(&rule(keys))
}

/// Field, operator, literal, values for which it holds, values for which it does not.
type Line = (&'static str, &'static str, Json, Vec<Value>, Vec<Value>);

fn assert_lines(lines: Vec<Line>) {
    let model = model();
    for (field, operator, literal, yes, no) in lines {
        let root = field.split('.').next().unwrap();
        let cases = yes.into_iter().map(|v| (v, true));
        for (value, expected) in cases.chain(no.into_iter().map(|v| (v, false))) {
            let holds = level(
                &model,
                field,
                root,
                value.clone(),
                operator,
                literal.clone(),
            );
            assert_eq!(holds, expected, "{field} {value:?} {operator} {literal}");
        }
    }
}

fn meta(value: Json) -> Value {
    Value::Json(json!({ "x": value }))
}

#[test]
#[rustfmt::skip]
fn text_compares_by_code_point() {
    assert_lines(vec![
        ("status", "eql", json!("paid"), vec![text("paid")], vec![text("Paid"), text("paid "), Value::Null]),
        ("status", "eql", json!(null), vec![Value::Null], vec![text("")]),
        ("status", "neq", json!("paid"), vec![text("x")], vec![text("paid"), Value::Null]),
        ("status", "neq", json!(null), vec![text("")], vec![Value::Null]),
        ("status", "gt", json!("b"), vec![text("c"), text("ba"), text("é")], vec![text("b"), text("B"), Value::Null]),
        ("status", "gte", json!("b"), vec![text("b")], vec![text("a"), Value::Null]),
        ("status", "lt", json!("b"), vec![text("B"), text("")], vec![text("b"), Value::Null]),
        ("status", "lte", json!("b"), vec![text("b")], vec![text("ba"), Value::Null]),
        ("status", "between", json!(["b", "d"]), vec![text("b"), text("c"), text("d")], vec![text("da"), text("a"), Value::Null]),
        ("status", "in", json!(["a", "b"]), vec![text("a"), text("b")], vec![text("c"), Value::Null]),
        ("status", "in", json!([]), vec![], vec![text("a"), Value::Null]),
        ("status", "not_in", json!(["a"]), vec![text("c")], vec![text("a"), Value::Null]),
        ("status", "contains", json!("ai"), vec![text("paid")], vec![text("pa id"), Value::Null]),
        ("status", "not_contains", json!("ai"), vec![text("x")], vec![text("paid"), Value::Null]),
        ("status", "starts_with", json!("pa"), vec![text("paid")], vec![text("xpa"), Value::Null]),
        ("status", "ends_with", json!("id"), vec![text("paid")], vec![text("idx"), Value::Null]),
        ("status", "matches", json!("^p.+d$"), vec![text("paid")], vec![text("xpaid"), Value::Null]),
        ("status", "matches", json!("a"), vec![text("paid")], vec![text("x")]),
        ("status", "is_null", json!(null), vec![Value::Null], vec![text("")]),
        ("status", "not_null", json!(null), vec![text("")], vec![Value::Null]),
    ]);
}

#[test]
#[rustfmt::skip]
fn decimals_compare_exactly() {
    let wide = "12345678901234567890123456789012345678";
    let wider = "12345678901234567890123456789012345679";
    assert_lines(vec![
        ("amount", "eql", json!("0.3"), vec![dec("0.3"), dec("0.300")], vec![dec("0.30000000000000004"), Value::Null]),
        ("amount", "eql", json!(0.1), vec![dec("0.1")], vec![dec("0.1000000000000000055511151231257827")]),
        ("amount", "eql", json!(1), vec![dec("1.00")], vec![dec("1.01")]),
        ("amount", "eql", json!(wide), vec![dec(wide)], vec![dec(wider)]),
        ("amount", "gt", json!(wide), vec![dec(wider)], vec![dec(wide)]),
        ("amount", "neq", json!(wide), vec![dec(wider)], vec![dec(wide), Value::Null]),
        ("amount", "gt", json!("100.00"), vec![dec("100.0000000000000000000001")], vec![dec("100"), dec("80.00"), Value::Null]),
        ("amount", "gte", json!("100"), vec![dec("100.00")], vec![dec("99.99")]),
        ("amount", "lt", json!("-1"), vec![dec("-1.1")], vec![dec("-1"), Value::Null]),
        ("amount", "lte", json!("1e3"), vec![dec("1000")], vec![dec("1000.01")]),
        ("amount", "between", json!(["1", "2"]), vec![dec("1.0"), dec("1.5"), dec("2.00")], vec![dec("2.01"), Value::Null]),
        ("amount", "in", json!(["1.0", 2]), vec![dec("1"), dec("2.000")], vec![dec("3"), Value::Null]),
        ("amount", "not_in", json!([1]), vec![dec("2")], vec![dec("1.0"), Value::Null]),
        ("amount", "is_null", json!(null), vec![Value::Null], vec![dec("0")]),
        ("amount", "not_null", json!(null), vec![dec("0")], vec![Value::Null]),
    ]);
}

#[test]
#[rustfmt::skip]
fn integers_and_floats_compare_as_numbers_without_loss() {
    let int = |value: i128| Value::Int(value);
    let (i64_max, u64_max) = (i128::from(i64::MAX), i128::from(u64::MAX));
    assert_lines(vec![
        ("count", "eql", json!(1.0), vec![int(1)], vec![int(2), Value::Null]),
        ("count", "eql", json!(i64::MAX), vec![int(i64_max)], vec![int(i64_max - 1), int(i64_max + 1)]),
        ("count", "eql", json!(i64::MIN), vec![int(i128::from(i64::MIN))], vec![int(i128::from(i64::MIN) + 1)]),
        ("count", "eql", json!(u64::MAX), vec![int(u64_max)], vec![int(u64_max - 1)]),
        ("count", "gt", json!(u64::MAX - 1), vec![int(u64_max)], vec![int(u64_max - 1)]),
        ("count", "gte", json!(5), vec![int(5)], vec![int(4)]),
        ("count", "lt", json!(-5), vec![int(-6)], vec![int(-5), Value::Null]),
        ("count", "lte", json!(-5), vec![int(-5)], vec![int(-4)]),
        ("count", "between", json!([1, 3]), vec![int(1), int(3)], vec![int(0), int(4)]),
        ("count", "in", json!([1, 3.0]), vec![int(3)], vec![int(2)]),
        ("count", "not_in", json!([1]), vec![int(2)], vec![int(1), Value::Null]),
        ("count", "neq", json!(1), vec![int(2)], vec![int(1), Value::Null]),
        ("ratio", "eql", json!(1), vec![Value::Float(1.0)], vec![Value::Float(1.5), Value::Float(f64::NAN)]),
        ("ratio", "eql", json!(0.3), vec![Value::Float(0.3)], vec![Value::Float(0.1 + 0.2)]),
        ("ratio", "eql", json!(0), vec![Value::Float(-0.0)], vec![Value::Null]),
        ("ratio", "neq", json!(0.5), vec![Value::Float(f64::NAN)], vec![Value::Float(0.5), Value::Null]),
        ("ratio", "gt", json!(0.5), vec![Value::Float(f64::INFINITY)], vec![Value::Float(f64::NAN), Value::Float(0.5)]),
        ("ratio", "lte", json!(0.5), vec![Value::Float(f64::NEG_INFINITY)], vec![Value::Float(f64::NAN)]),
        ("ratio", "in", json!([0.5, 2]), vec![Value::Float(2.0)], vec![Value::Float(f64::NAN)]),
        ("ratio", "not_in", json!([0.5]), vec![Value::Float(f64::NAN)], vec![Value::Float(0.5), Value::Null]),
        ("ratio", "between", json!([0, 1]), vec![Value::Float(0.5)], vec![Value::Float(f64::NAN)]),
        ("ratio", "not_null", json!(null), vec![Value::Float(f64::NAN)], vec![Value::Null]),
    ]);
}

#[test]
fn numbers_of_different_kinds_compare_without_rounding_either() {
    let model = model();
    let holds = |field: &str, operator: &str, other: &str, values: &[(&str, Value)]| {
        let keys = json!({"field_name": field, "operator": operator, "value": {"field": other}, "edge": "level"});
        Save::update(&model, &[], values).fires(&rule(keys))
    };
    // 2^53 + 1 is no float: its neighbour must not pass for it.
    let big = 9_007_199_254_740_993_i128;
    let pair = |int: i128, float: f64| [("count", Value::Int(int)), ("ratio", Value::Float(float))];
    assert!(!holds("count", "eql", "ratio", &pair(big, big as f64)));
    assert!(holds("count", "gt", "ratio", &pair(big, big as f64)));
    assert!(holds("ratio", "lt", "count", &pair(big, big as f64)));
    assert!(holds(
        "count",
        "eql",
        "ratio",
        &pair(big - 1, (big - 1) as f64)
    ));
    assert!(holds("count", "gt", "ratio", &pair(1, 0.999)));
    assert!(holds("count", "gt", "ratio", &pair(-1, -1.5)));
    assert!(holds("count", "lt", "ratio", &pair(-1, -0.5)));
    assert!(holds(
        "count",
        "lt",
        "ratio",
        &pair(i128::from(u64::MAX), 1e300)
    ));
    assert!(holds(
        "count",
        "gt",
        "ratio",
        &pair(i128::from(u64::MAX), f64::NEG_INFINITY)
    ));
    assert!(!holds("count", "lt", "ratio", &pair(1, f64::NAN)));
    let pair =
        |decimal: &str, float: f64| [("amount", dec(decimal)), ("ratio", Value::Float(float))];
    assert!(holds("amount", "eql", "ratio", &pair("0.50", 0.5)));
    assert!(holds("amount", "lt", "ratio", &pair("0.1", 0.1)));
    assert!(holds("amount", "lt", "ratio", &pair("1", f64::INFINITY)));
    let pair = |decimal: &str, int: i128| [("amount", dec(decimal)), ("count", Value::Int(int))];
    assert!(holds(
        "amount",
        "eql",
        "count",
        &pair("18446744073709551615.0", i128::from(u64::MAX))
    ));
    assert!(holds(
        "amount",
        "gt",
        "count",
        &pair("18446744073709551615.1", i128::from(u64::MAX))
    ));
}

#[test]
#[rustfmt::skip]
fn booleans_enums_and_uuids_compare_by_identity() {
    let id = "00000000-0000-0000-0000-000000000007";
    assert_lines(vec![
        ("vip", "eql", json!(true), vec![Value::Bool(true)], vec![Value::Bool(false), Value::Null]),
        ("vip", "neq", json!(true), vec![Value::Bool(false)], vec![Value::Bool(true), Value::Null]),
        ("vip", "in", json!([true]), vec![Value::Bool(true)], vec![Value::Bool(false), Value::Null]),
        ("vip", "not_in", json!([true]), vec![Value::Bool(false)], vec![Value::Null]),
        ("vip", "is_null", json!(null), vec![Value::Null], vec![Value::Bool(false)]),
        ("state", "eql", json!("open"), vec![text("open")], vec![text("closed"), Value::Null]),
        ("state", "neq", json!("open"), vec![text("closed")], vec![text("open"), Value::Null]),
        ("state", "in", json!(["open", "draft"]), vec![text("draft")], vec![text("closed")]),
        ("state", "not_in", json!(["open"]), vec![text("closed")], vec![text("open"), Value::Null]),
        ("id", "eql", json!(id), vec![uuid(7)], vec![uuid(8), Value::Null]),
        ("id", "eql", json!("00000000000000000000000000000007"), vec![uuid(7)], vec![uuid(8)]),
        ("id", "neq", json!(id), vec![uuid(8)], vec![uuid(7), Value::Null]),
        ("id", "in", json!([id]), vec![uuid(7)], vec![uuid(8)]),
        ("id", "not_in", json!([id]), vec![uuid(8)], vec![uuid(7), Value::Null]),
        ("id", "not_null", json!(null), vec![uuid(7)], vec![Value::Null]),
    ]);
}

#[test]
#[rustfmt::skip]
fn times_compare_by_instant_whatever_their_offset() {
    let noon = || at("2030-01-31T12:00:00Z");
    let same = || at("2030-01-31T14:00:00+02:00");
    let later = || at("2030-01-31T13:00:00+00:30");
    let day = |value: &str| Value::Date(value.parse().unwrap());
    let hour = |value: &str| Value::Time(value.parse().unwrap());
    assert_lines(vec![
        ("placed_at", "eql", json!("2030-01-31T07:00:00-05:00"), vec![noon(), same()], vec![later(), Value::Null]),
        ("placed_at", "neq", json!("2030-01-31T12:00:00Z"), vec![later()], vec![same(), Value::Null]),
        ("placed_at", "gt", json!("2030-01-31T12:00:00Z"), vec![later()], vec![noon(), same(), Value::Null]),
        ("placed_at", "gte", json!("2030-01-31T12:00:00Z"), vec![same()], vec![Value::Null]),
        ("placed_at", "lt", json!("2030-01-31T14:00:00Z"), vec![same()], vec![Value::Null]),
        ("placed_at", "lte", json!("2030-01-31T12:00:00Z"), vec![same()], vec![later()]),
        ("placed_at", "between", json!(["2030-01-31T12:00:00Z", "2030-01-31T12:10:00Z"]), vec![same()], vec![later()]),
        ("placed_at", "in", json!(["2030-01-31T13:00:00+01:00"]), vec![same()], vec![later()]),
        ("placed_at", "not_in", json!(["2030-01-31T13:00:00+01:00"]), vec![later()], vec![same()]),
        ("local_at", "eql", json!("2030-01-31T12:00:00"), vec![local("2030-01-31T12:00:00")], vec![local("2030-01-31T12:00:01")]),
        ("local_at", "gt", json!("2030-01-31 12:00:00"), vec![local("2030-01-31T12:00:00.5")], vec![local("2030-01-31T12:00:00")]),
        ("day", "gte", json!("2030-01-31"), vec![day("2030-01-31"), day("2031-01-01")], vec![day("2029-12-31"), Value::Null]),
        ("day", "in", json!(["2030-01-31"]), vec![day("2030-01-31")], vec![day("2030-01-30")]),
        ("hour", "lt", json!("12:00:00"), vec![hour("11:59:59.999")], vec![hour("12:00:00"), Value::Null]),
        ("hour", "between", json!(["08:00:00", "17:00:00"]), vec![hour("08:00:00")], vec![hour("17:00:01")]),
    ]);
}

#[test]
#[rustfmt::skip]
fn json_compares_deeply_and_by_the_kind_of_the_literal() {
    let doc = |value: Json| Value::Json(value);
    assert_lines(vec![
        ("metadata", "eql", json!({"a": [1, {"b": 2.0}]}), vec![doc(json!({"a": [1.0, {"b": 2}]}))], vec![doc(json!({"a": [1]})), Value::Null]),
        ("metadata", "eql", json!(null), vec![Value::Null, doc(json!(null))], vec![doc(json!({}))]),
        ("metadata", "contains", json!("k"), vec![doc(json!({"k": null})), doc(json!(["k"])), doc(json!("a k"))], vec![doc(json!({"v": "k"})), Value::Null, doc(json!(5))]),
        ("metadata", "not_contains", json!("k"), vec![doc(json!({"v": "k"})), doc(json!([]))], vec![doc(json!({"k": 1})), Value::Null, doc(json!(5))]),
        ("metadata.x", "eql", json!(1), vec![meta(json!(1.0)), meta(json!(1))], vec![meta(json!("1")), meta(json!(true)), meta(json!(null)), Value::Null, doc(json!({}))]),
        ("metadata.x", "eql", json!(u64::MAX), vec![meta(json!(u64::MAX))], vec![meta(json!(u64::MAX as f64))]),
        ("metadata.x", "eql", json!("1"), vec![meta(json!("1"))], vec![meta(json!(1))]),
        ("metadata.x", "eql", json!(null), vec![meta(json!(null)), doc(json!({})), Value::Null], vec![meta(json!(0))]),
        ("metadata.x", "neq", json!("1"), vec![meta(json!(1))], vec![meta(json!("1")), meta(json!(null)), doc(json!([]))]),
        ("metadata.x", "gt", json!(1), vec![meta(json!(1.5))], vec![meta(json!("2")), meta(json!(1)), Value::Null]),
        ("metadata.x", "gt", json!("a"), vec![meta(json!("b"))], vec![meta(json!(5))]),
        ("metadata.x", "between", json!([1, 2]), vec![meta(json!(1.5))], vec![meta(json!("1.5"))]),
        ("metadata.x", "in", json!([1, "a", [2]]), vec![meta(json!(1.0)), meta(json!("a")), meta(json!([2.0]))], vec![meta(json!(2)), Value::Null]),
        ("metadata.x", "not_in", json!([1]), vec![meta(json!("1"))], vec![meta(json!(1.0)), Value::Null]),
        ("metadata.x", "contains", json!(2), vec![meta(json!([1, 2.0]))], vec![meta(json!(["2"])), meta(json!("2"))]),
        ("metadata.x", "contains", json!({"a": 1}), vec![meta(json!([{"a": 1.0}]))], vec![meta(json!({"a": 1}))]),
        ("metadata.x", "starts_with", json!("b"), vec![meta(json!("berlin"))], vec![meta(json!(["b"])), Value::Null]),
        ("metadata.x", "ends_with", json!("n"), vec![meta(json!("berlin"))], vec![meta(json!(5))]),
        ("metadata.x", "matches", json!("^b"), vec![meta(json!("berlin"))], vec![meta(json!(5)), Value::Null]),
        ("metadata.x", "is_null", json!(null), vec![doc(json!({})), Value::Null], vec![meta(json!(false))]),
        ("metadata.x", "not_null", json!(null), vec![meta(json!(false))], vec![meta(json!(null))]),
        ("metadata.x.1.sku", "eql", json!("s"), vec![meta(json!([0, {"sku": "s"}])), meta(json!({"1": {"sku": "s"}}))], vec![meta(json!([{"sku": "s"}])), meta(json!("s"))]),
    ]);
}

#[test]
fn json_text_beside_a_typed_field_is_read_as_its_type() {
    let model = model();
    let holds = |field: &str, operator: &str, other: &str, values: &[(&str, Value)]| {
        let keys = json!({"field_name": field, "operator": operator, "value": {"field": other}, "edge": "level"});
        Save::update(&model, &[], values).fires(&rule(keys))
    };
    let with = |x: Json, field: &'static str, value: Value| [("metadata", meta(x)), (field, value)];
    assert!(holds(
        "metadata.x",
        "eql",
        "amount",
        &with(json!("12.50"), "amount", dec("12.5"))
    ));
    assert!(holds(
        "amount",
        "gt",
        "metadata.x",
        &with(json!(0.1), "amount", dec("0.10000001"))
    ));
    assert!(holds(
        "amount",
        "eql",
        "metadata.x",
        &with(json!(0.1), "amount", dec("0.1"))
    ));
    assert!(holds(
        "metadata.x",
        "eql",
        "id",
        &with(json!(uuid::Uuid::from_u128(7)), "id", uuid(7))
    ));
    assert!(holds(
        "metadata.x",
        "lt",
        "placed_at",
        &with(
            json!("2030-01-01T00:00:00+01:00"),
            "placed_at",
            at("2030-01-01T00:00:00Z")
        )
    ));
    assert!(!holds(
        "metadata.x",
        "eql",
        "amount",
        &with(json!("soon"), "amount", dec("1"))
    ));
    assert!(!holds(
        "metadata.x",
        "eql",
        "amount",
        &with(json!("1e999999999"), "amount", dec("1"))
    ));
}

/// Field, operator, amount, old, new, whether it holds.
type Move = (&'static str, &'static str, Json, Value, Value, bool);

#[test]
#[rustfmt::skip]
fn operators_that_compare_the_rows_compare_by_type() {
    let int = |value: i128| Value::Int(value);
    let float = |value: f64| Value::Float(value);
    let none = || json!(null);
    let moves: Vec<Move> = vec![
        ("status", "changed", none(), text("a"), text("b"), true),
        ("status", "changed", none(), text("a"), text("a"), false),
        ("status", "changed", none(), text("a"), Value::Null, true),
        ("status", "changed", none(), Value::Null, text("a"), true),
        ("status", "changed", none(), Value::Null, Value::Null, false),
        ("status", "unchanged", none(), text("a"), text("a"), true),
        ("status", "unchanged", none(), Value::Null, Value::Null, true),
        ("status", "unchanged", none(), text("a"), text("b"), false),
        ("amount", "changed", none(), dec("1.0"), dec("1.00"), false),
        ("placed_at", "changed", none(), at("2030-01-01T00:00:00Z"), at("2030-01-01T01:00:00+01:00"), false),
        ("metadata", "changed", none(), meta(json!(1)), meta(json!(1.0)), false),
        ("metadata.x", "changed", none(), meta(json!(1)), meta(json!("1")), true),
        ("vip", "changed", none(), Value::Bool(true), Value::Bool(false), true),
        ("state", "unchanged", none(), text("open"), text("open"), true),
        ("id", "changed", none(), uuid(1), uuid(2), true),
        ("ratio", "changed", none(), float(f64::NAN), float(f64::NAN), true),
        ("ratio", "unchanged", none(), float(f64::NAN), float(f64::NAN), false),
        ("count", "increased", none(), int(1), int(2), true),
        ("count", "increased", none(), int(2), int(2), false),
        ("count", "increased", none(), Value::Null, int(2), false),
        ("count", "increased", none(), int(2), Value::Null, false),
        ("count", "decreased", none(), int(2), int(1), true),
        ("count", "decreased", none(), Value::Null, int(1), false),
        ("ratio", "increased", none(), float(f64::NAN), float(1.0), false),
        ("amount", "increased", none(), dec("1.10"), dec("1.1000000000000000000000000001"), true),
        ("placed_at", "increased", none(), at("2030-01-01T00:00:00Z"), at("2030-01-01T00:30:00+00:00"), true),
        ("placed_at", "increased", none(), at("2030-01-01T00:00:00Z"), at("2030-01-01T00:30:00+01:00"), false),
        ("day", "decreased", none(), Value::Date("2030-01-02".parse().unwrap()), Value::Date("2030-01-01".parse().unwrap()), true),
        ("metadata.x", "increased", none(), meta(json!(1)), meta(json!(1.5)), true),
        ("metadata.x", "increased", none(), meta(json!("a")), meta(json!("b")), false),
        ("metadata.x", "increased", none(), Value::Null, meta(json!(2)), false),
        ("count", "increased_by", json!(5), int(1), int(6), true),
        ("count", "increased_by", json!(5), int(1), int(5), false),
        ("count", "increased_by", json!(5), int(6), int(1), false),
        ("count", "decreased_by", json!(5), int(6), int(1), true),
        ("count", "decreased_by", json!(5), int(i128::from(i64::MAX)), int(i128::from(i64::MIN)), true),
        ("count", "increased_by", json!(0), int(2), int(1), false),
        ("count", "increased_by", json!(0), int(2), int(2), false),
        ("count", "decreased_by", json!(0), int(2), int(2), false),
        ("count", "increased_by", json!(0), int(2), int(3), true),
        ("count", "increased_by", json!(1), Value::Null, int(1), false),
        ("amount", "increased_by", json!("0.2"), dec("0.1"), dec("0.3"), true),
        ("amount", "increased_by", json!("0.2000000000000000000000001"), dec("0.1"), dec("0.3"), false),
        ("amount", "decreased_by", json!({"field": "count"}), dec("9"), dec("9"), false),
        ("ratio", "increased_by", json!(0.2), float(0.1), float(0.3), true),
        ("ratio", "increased_by", json!(0.2), float(0.1), float(f64::INFINITY), false),
        ("metadata.x", "increased_by", json!(2), meta(json!(1)), meta(json!(3.5)), true),
        ("metadata.x", "increased_by", json!(2), meta(json!("1")), meta(json!("9")), false),
    ];
    let model = model();
    for (field, operator, amount, old, new, expected) in moves {
        let root = field.split('.').next().unwrap();
        let mut keys = json!({"field_name": field, "operator": operator, "edge": "level"});
        if Operator::named(operator).unwrap().takes_value() {
            keys["value"] = amount.clone();
        }
        let save = Save::update(&model, &[(root, old.clone())], &[(root, new.clone())]);
        let holds = save.fires(&rule(keys));
        assert_eq!(
            holds, expected,
            "{field}: {old:?} → {new:?} {operator} {amount}"
        );
    }
}

#[test]
fn an_operator_without_meaning_on_a_type_is_refused_and_the_others_are_listed() {
    let model = model();
    for def in model.fields() {
        if matches!(def.ty, FieldType::Unsupported(_)) {
            continue;
        }
        for operator in Operator::ALL {
            let value = match operator {
                Operator::Between => json!([{"field": def.name}, {"field": def.name}]),
                Operator::In | Operator::NotIn => json!([{"field": def.name}]),
                Operator::Matches => json!("a"),
                _ => json!({"field": def.name}),
            };
            let mut keys = json!({"field_name": def.name, "operator": operator.name()});
            if operator.takes_value() {
                keys["value"] = value;
            }
            let rules = Rules::from(vec![rule(keys)]);
            let result = check(&model, &Catalog::new(), &rules);
            if operator.applies_to(&def.ty) {
                assert!(result.is_ok(), "{} {operator}: {result:?}", def.name);
                continue;
            }
            let errors = result.unwrap_err();
            let error = errors.iter().next().unwrap();
            assert_eq!(error.path, "operator");
            let RuleErrorKind::OperatorOnType { allowed, .. } = &error.kind else {
                panic!("{error}");
            };
            assert!(allowed.contains(&Operator::Eql) && !allowed.contains(&operator));
        }
    }
}
