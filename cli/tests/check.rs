//! `celerysalt rules check`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Done, Folder};
use serde_json::{Value as Json, json};

fn rule(change: Json) -> Json {
    let mut rule = json!({
        "id": "r1", "field_name": "status", "operator": "eql", "value": "paid",
        "event_class": "order.paid", "event_data": {"order_id": "{{ id }}", "amount": "{{ amount }}"},
    });
    rule.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    rule
}

fn events() -> Json {
    json!({
        "order.paid": {
            "title": "OrderPaid",
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "amount": {"type": ["string", "number"]}},
            "required": ["order_id", "amount"],
            "additionalProperties": false,
        },
        "order.closed": {},
    })
}

fn check(rules: &Json, more: &str) -> Done {
    let folder = Folder::new();
    folder
        .json("rules.json", rules)
        .json("events.json", &events());
    folder.rules(&format!(
        "check --model model.json --rules rules.json {more}"
    ))
}

#[test]
fn good_rules_pass_in_silence() {
    for rules in [
        json!([]),
        json!([rule(json!({}))]),
        json!([rule(json!({})), rule(json!({"id": "r2"}))]),
    ] {
        for more in ["", "--events events.json"] {
            let done = check(&rules, more);
            assert_eq!(
                (done.code, done.out.as_str(), done.err.as_str()),
                (0, "", ""),
                "{rules}"
            );
        }
    }
}

#[test]
fn every_error_is_a_line_with_rule_path_and_remedy() {
    let rules = json!([
        rule(json!({"id": "a", "field_name": "stauts"})),
        rule(json!({"id": "b", "operator": "equals"})),
        rule(json!({"id": "c", "field_name": "qty", "value": "many"})),
        rule(json!({"id": "d", "event_data": {"order": [{"id": "{{ idd }}"}]}})),
        rule(json!({"id": "e"})),
        rule(json!({"id": "f", "colour": "red"})),
    ]);
    let done = check(&rules, "");
    assert_eq!((done.code, done.err.as_str()), (1, ""), "{done:?}");
    let lines: Vec<_> = done.out.lines().collect();
    let expected: [&[&str]; 5] = [
        &["`a`", "field_name", "stauts", "`status`"],
        &["`b`", "operator", "equals", "eql"],
        &["`c`", "value", "many", "whole number"],
        &[
            "`d`",
            "event_data.order[0].id",
            "`idd`",
            "did you mean `id`?",
        ],
        &["`f`", "colour", "unknown key"],
    ];
    assert_eq!(lines.len(), expected.len(), "{done:?}");
    for texts in expected {
        let found = lines
            .iter()
            .any(|line| texts.iter().all(|text| line.contains(text)));
        assert!(found, "{texts:?}: {done:?}");
    }
}

#[test]
fn events_are_checked_when_they_are_known() {
    let one = |change: Json| {
        let done = check(&json!([rule(change)]), "--events events.json");
        assert_eq!((done.code, done.out.lines().count()), (1, 1), "{done:?}");
        done.out
    };
    let unknown = one(json!({"event_class": "order.payd"}));
    assert!(
        unknown.contains("unknown event `order.payd`") && unknown.contains("`order.paid`"),
        "{unknown}"
    );
    let missing = one(json!({"event_data": {"order_id": "{{ id }}"}}));
    assert!(
        missing.contains("requires `amount`") && missing.contains("event_data"),
        "{missing}"
    );
    let more = one(json!({"event_data": {"order_id": "{{ id }}", "amount": 1, "note": "x"}}));
    assert!(more.contains("no `note`"), "{more}");
    let wrong = one(json!({"event_data": {"order_id": "{{ qty }}", "amount": 1}}));
    assert!(
        wrong.contains("event_data.order_id") && wrong.contains("`qty` is an integer"),
        "{wrong}"
    );
    // By topic, by the type's name, and an event that takes anything.
    for class in ["OrderPaid", "order.closed"] {
        let done = check(
            &json!([rule(json!({"event_class": class}))]),
            "--events events.json",
        );
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn without_events_every_event_passes() {
    let done = check(&json!([rule(json!({"event_class": "no.such.event"}))]), "");
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn files_that_cannot_be_used_are_bad_input() {
    let folder = Folder::new();
    folder.json("rules.json", &json!([]));
    let run = |words: &str| folder.rules(&format!("check {words}"));
    run("--model none.json --rules rules.json").refused(&[
        "none.json",
        "cannot be read",
        "check the path",
    ]);
    run("--model model.json --rules none.json").refused(&["none.json", "cannot be read"]);
    run("--model model.json --rules rules.json --events none.json")
        .refused(&["none.json", "cannot be read"]);

    folder.write("broken.json", "[{");
    run("--model broken.json --rules rules.json").refused(&[
        "broken.json",
        "not JSON",
        "line 1 column 2",
    ]);
    run("--model model.json --rules broken.json").refused(&["broken.json", "not JSON"]);
    run("--model model.json --rules rules.json --events broken.json")
        .refused(&["broken.json", "not JSON"]);

    run("--model model.json --rules model.json")
        .refused(&["an object stands where an array of rules is expected"]);
    run("--model model.json --rules rules.json --events rules.json")
        .refused(&["an array stands where an object"]);
    run("--model rules.json --rules rules.json").refused(&["rules.json: not a model"]);

    folder.json("events.json", &json!({"order.paid": {"type": "strin"}}));
    run("--model model.json --rules rules.json --events events.json")
        .refused(&["event `order.paid`", "mend the schema"]);
}

#[test]
fn models_are_checked() {
    let refused = |model: Json, texts: &[&str]| {
        let folder = Folder::new();
        folder.json("rules.json", &json!([])).json("m.json", &model);
        folder
            .rules("check --model m.json --rules rules.json")
            .refused(texts);
    };
    refused(json!({"name": "order"}), &["missing field `fields`"]);
    refused(json!({"fields": {}}), &["missing field `name`"]);
    refused(
        json!({"name": "order", "fields": {}, "colour": 1}),
        &["unknown field `colour`"],
    );
    refused(
        json!({"name": "o", "fields": {"a": "decimel"}}),
        &["field `a`", "type `decimel`", "did you mean `decimal`?"],
    );
    refused(
        json!({"name": "o", "fields": {"a": "blob?"}}),
        &["type `blob?`", "there are `string`, `int`"],
    );
    refused(
        json!({"name": "o", "fields": {"a": 1}}),
        &["not a model", "expected a string"],
    );
}

#[test]
fn usage_errors_are_bad_input() {
    let folder = Folder::new();
    let done = folder.rules("check --model model.json");
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("--rules"), "{done:?}");
    assert_eq!(folder.rules("chek").code, 2);
}

#[test]
fn a_rule_without_an_id_is_named_by_its_position() {
    let mut unnamed = [
        rule(json!({})),
        rule(json!({"field_name": "stauts"})),
        rule(json!({"operator": "equals"})),
    ];
    for rule in &mut unnamed[1..] {
        rule.as_object_mut().unwrap().remove("id");
    }
    let done = check(&json!(unnamed), "");
    let lines: Vec<_> = done.out.lines().collect();
    assert_eq!(lines.len(), 2, "{done:?}");
    assert!(lines[0].starts_with("rule `#1`, `field_name`"), "{done:?}");
    assert!(lines[1].starts_with("rule `#2`, `operator`"), "{done:?}");
}
