//! Errors of the check about values: literals, references, patterns, and what is too large.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::rules::{Guard, Limits, Rule, Rules, check, check_standing};
use rules_support::errors::{assert_error, document, errors_of};
use rules_support::{Catalog, model};
use serde_json::json;

#[test]
fn literals_that_cannot_be_read_as_the_field_s_type() {
    let lines = [
        ("status", json!(5), "text in quotes"),
        ("vip", json!("true"), "`true` or `false`"),
        ("count", json!(1.5), "a whole number"),
        ("count", json!("1"), "a whole number"),
        ("count", json!(1e30), "a whole number"),
        ("ratio", json!("0.5"), "a number"),
        ("amount", json!("ten"), "a decimal"),
        ("amount", json!("1e1000000000"), "1000 digits"),
        ("amount", json!("1_000"), "a decimal"),
        ("amount", json!("NaN"), "a decimal"),
        ("amount", json!(true), "a decimal"),
        ("state", json!("opne"), "`open`?"),
        ("state", json!("Open"), "one of"),
        ("id", json!("7"), "a UUID"),
        ("placed_at", json!("2030-01-31T12:00:00"), "with an offset"),
        ("placed_at", json!(1700000000), "RFC 3339"),
        ("local_at", json!("2030-01-31T12:00:00Z"), "without offset"),
        ("day", json!("31.01.2030"), "2030-01-31"),
        ("hour", json!("noon"), "12:00:00"),
    ];
    for (field, value, words) in lines {
        assert_error(
            json!({"field_name": field, "value": value}),
            "value",
            &["cannot be read as", words],
        );
    }
    assert_error(json!({"was": 5}), "was", &["text in quotes"]);
    assert_error(
        json!({"was": {"operator": "in", "value": ["a", 5]}}),
        "was.value[1]",
        &["text in quotes"],
    );
    let guard = json!({"all": [{"field_name": "amount", "operator": "gt", "value": "x"}]});
    assert_error(json!({"when": guard}), "when.all[0].value", &["a decimal"]);
    assert_error(
        json!({"field_name": "metadata.x", "operator": "gt", "value": true}),
        "value",
        &["a number or text"],
    );
    assert_error(
        json!({"field_name": "metadata.x", "operator": "starts_with", "value": 5}),
        "value",
        &["text in quotes"],
    );
    assert_error(
        json!({"field_name": "metadata.x", "operator": "increased_by", "value": "5"}),
        "value",
        &["without quotes"],
    );
}

#[test]
fn numbers_that_json_would_round_are_read_with_all_digits() {
    let with = |field: &str, digits: &str| {
        let text = format!(
            r#"[{{"id": "r1", "field_name": "{field}", "operator": "eql", "value": {digits}, "event_class": "order.noted"}}]"#
        );
        check(&model(), &Catalog::new(), &Rules::from_json(&text))
    };
    with("amount", "12345678901234567890.123456789").unwrap();
    with("count", "18446744073709551615").unwrap();
    with("count", "18446744073709551616").unwrap_err();
    with("ratio", "0.12345678901234567890123").unwrap_err();
}

#[test]
fn null_literals_lists_ranges_and_amounts() {
    assert_error(
        json!({"operator": "gt", "value": null}),
        "value",
        &["null satisfies only", "`is_null`"],
    );
    assert_error(
        json!({"operator": "in", "value": ["a", null]}),
        "value[1]",
        &["null satisfies only"],
    );
    assert_error(
        json!({"operator": "in", "value": "a"}),
        "value",
        &["a list of values"],
    );
    assert_error(
        json!({"operator": "in", "value": {"field": "note"}}),
        "value",
        &["a list of values"],
    );
    assert_error(
        json!({"operator": "between", "value": ["a"]}),
        "value",
        &["exactly two"],
    );
    assert_error(
        json!({"operator": "between", "value": "a"}),
        "value",
        &["[low, high]"],
    );
    assert_error(
        json!({"operator": "between", "value": ["b", "a"]}),
        "value",
        &["low is greater than high"],
    );
    assert_error(
        json!({"operator": "between", "value": ["b", 5]}),
        "value[1]",
        &["text in quotes"],
    );
    assert_error(
        json!({"field_name": "metadata.x", "operator": "between", "value": ["b", 5]}),
        "value",
        &["one kind"],
    );
    assert_error(json!({"value": ["a"]}), "value", &["text in quotes"]);
    assert_error(
        json!({"field_name": "count", "operator": "increased_by", "value": -1}),
        "value",
        &["at least 0", "`decreased_by`"],
    );
    let many: Vec<String> = (0..1001).map(|i| i.to_string()).collect();
    assert_error(
        json!({"operator": "in", "value": many}),
        "value",
        &["values in the list", "1001", "at most 1000"],
    );
}

#[test]
fn references_must_be_comparable() {
    assert_error(
        json!({"value": {"field": "amount"}}),
        "value",
        &[
            "`status` is text",
            "`amount` is a decimal",
            "cannot be compared",
        ],
    );
    assert_error(
        json!({"field_name": "amount", "operator": "gt", "value": {"old": "placed_at"}}),
        "value",
        &["an instant"],
    );
    let m = model();
    for (field, other) in [
        ("amount", "count"),
        ("ratio", "amount"),
        ("status", "state"),
        ("metadata.x", "id"),
        ("day", "metadata.y"),
    ] {
        let keys = json!({"field_name": field, "value": {"field": other}});
        check(
            &m,
            &Catalog::new(),
            &Rules::from_value(json!([document(keys)])),
        )
        .unwrap();
    }
}

#[test]
fn a_list_may_stand_in_a_json_field_and_in_no_other() {
    assert_error(
        json!({"operator": "in", "value": {"field": "note"}}),
        "value",
        &["a list of values", "a JSON field that holds one"],
    );
    assert_error(
        json!({"operator": "not_in", "value": {"old": "nobody"}}),
        "value",
        &["no field `nobody`"],
    );
}

#[test]
fn regular_expressions_are_checked_and_bounded() {
    assert_error(
        json!({"operator": "matches", "value": "("}),
        "value",
        &["does not compile", "unclosed group"],
    );
    assert_error(
        json!({"operator": "matches", "value": "(a{1000}){1000}"}),
        "value",
        &["262144 bytes"],
    );
    let nested = format!("{}a{}", "(".repeat(40), ")".repeat(40));
    assert_error(
        json!({"operator": "matches", "value": nested}),
        "value",
        &["does not compile"],
    );
    assert_error(
        json!({"operator": "matches", "value": {"field": "note"}}),
        "value",
        &["a literal text"],
    );
    let usual = json!({"operator": "matches", "value": r"^[\w.+-]+@[\w-]+(\.[\w-]+)+$"});
    check(
        &model(),
        &Catalog::new(),
        &Rules::from_value(json!([document(usual)])),
    )
    .unwrap();
}

#[test]
fn regular_expressions_are_bounded_in_number() {
    let with = |number: usize| {
        let one = json!({"field_name": "note", "operator": "matches", "value": "a"});
        let guard = json!({"any": vec![one; number]});
        Rules::from_value(json!([document(json!({"when": guard}))]))
    };
    check(&model(), &Catalog::new(), &with(16)).unwrap();
    let said = errors_of(&model(), &with(17)).to_string();
    assert!(said.contains("`when.any[16].value`"), "{said}");
    assert!(
        said.contains("regular expressions in the rule: 17, and at most 16"),
        "{said}"
    );
}

#[test]
fn errors_do_not_repeat_a_megabyte() {
    let long = "x".repeat(1 << 20);
    for keys in [
        json!({"id": long, "persist": 1}),
        json!({"operator": long}),
        json!({"field_name": long}),
        json!({"event_class": long}),
        json!({"description": long}),
        json!({ long.as_str(): 1 }),
    ] {
        let errors = errors_of(&model(), &Rules::from_value(json!([document(keys)])));
        assert!(errors.to_string().len() < 2_000);
    }
}

#[test]
fn sizes_and_depths_are_bounded() {
    assert_error(
        json!({"description": "x".repeat(17_000)}),
        "",
        &["bytes of the rule", "at most 16384"],
    );
    let deep = (0..33).fold(json!(1), |inner, _| json!([inner]));
    assert_error(
        json!({"field_name": "metadata", "value": deep}),
        "value",
        &["inside each other", "at most 32"],
    );
    let guard =
        |depth: usize| (1..depth).fold(Guard::field("vip").eql(true), |guard, _| Guard::not(guard));
    let with = |depth: usize| {
        let rule = Rule::when("status")
            .eql("x")
            .guard(guard(depth))
            .emit_topic("order.noted", json!({}));
        check(&model(), &Catalog::new(), &Rules::from(vec![rule]))
    };
    with(16).unwrap();
    let said = with(17).unwrap_err().to_string();
    assert!(
        said.contains("guards inside each other") && said.contains("at most 16"),
        "{said}"
    );
    let very_deep = (0..100).fold(json!({"all": []}), |inner, _| json!({"not": inner}));
    let said = errors_of(
        &model(),
        &Rules::from_value(json!([document(json!({"when": very_deep}))])),
    );
    assert!(said.to_string().contains("guards inside each other"));
}

#[test]
fn the_number_of_rules_is_bounded_in_rows_only() {
    let m = model();
    let rules: Rules = (0..1_001)
        .map(|_| {
            Rule::when("status")
                .eql("x")
                .emit_topic("order.noted", json!({}))
        })
        .collect();
    let said = errors_of(&m, &rules).to_string();
    assert_eq!(said.lines().count(), 1);
    assert!(
        said.contains("rules in the row: 1001, and at most 1000"),
        "{said}"
    );
    check_standing(&m, &Catalog::new(), &rules).unwrap();
    let mut limits = Limits::default();
    limits.rules = 2_000;
    check(&m.with_limits(limits), &Catalog::new(), &rules).unwrap();
}
