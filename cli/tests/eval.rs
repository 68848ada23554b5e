//! `celerysalt rules eval`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Done, Folder};
use serde_json::{Value as Json, json};

const ID: &str = "01980c2e-0000-7000-8000-000000000000";

fn row(change: Json) -> Json {
    let mut row = json!({"id": ID, "status": "pending", "amount": "99.90", "qty": 1});
    row.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    row
}

fn rule(change: Json) -> Json {
    let mut rule = json!({
        "id": "r1", "field_name": "status", "operator": "eql", "value": "paid",
        "event_class": "order.paid", "event_data": {"order_id": "{{ id }}", "amount": "{{ amount }}", "qty": "{{ qty }}"},
    });
    rule.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    rule
}

/// A folder in which an order is paid.
fn paid(rules: &Json) -> Folder {
    let folder = Folder::new();
    folder.json("old.json", &row(json!({})));
    folder.json("new.json", &row(json!({"status": "paid"})));
    folder.json("rules.json", rules);
    folder
}

fn eval(folder: &Folder, more: &str) -> Done {
    folder.rules(&format!(
        "eval --model model.json --rules rules.json {more}"
    ))
}

const BOTH: &str = "--old old.json --new new.json";

#[test]
fn a_rule_that_fires_prints_its_event() {
    let done = eval(
        &paid(&json!([rule(json!({}))])),
        &format!("{BOTH} --op update"),
    );
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{done:?}");
    let line = format!(
        "{{\"rule\":\"r1\",\"event_class\":\"order.paid\",\"data\":{{\"amount\":\"99.90\",\"order_id\":\"{ID}\",\"qty\":1}}}}\n"
    );
    assert_eq!(done.out, line);
}

#[test]
fn a_rule_that_does_not_fire_prints_nothing() {
    let done = eval(&paid(&json!([rule(json!({"value": "shipped"}))])), BOTH);
    assert_eq!(
        (done.code, done.out.as_str(), done.err.as_str()),
        (0, "", ""),
        "{done:?}"
    );
}

#[test]
fn explain_says_why_after_the_events() {
    let rules = json!([
        rule(json!({"id": "no", "value": "shipped"})),
        rule(json!({"id": "yes"})),
        rule(json!({"id": "off", "enabled": false})),
    ]);
    let done = eval(&paid(&rules), &format!("{BOTH} --explain"));
    assert_eq!(done.code, 0, "{done:?}");
    let lines = done.lines();
    assert_eq!(lines.len(), 4, "{done:?}");
    assert_eq!(lines[0]["rule"], "yes");
    assert_eq!(lines[0]["data"]["qty"], 1);
    let verdicts: Vec<_> = lines[1..]
        .iter()
        .map(|v| (v["rule"].as_str().unwrap(), v["fired"].clone()))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("no", json!(false)),
            ("yes", json!(true)),
            ("off", json!(false))
        ]
    );
    for verdict in &lines[1..] {
        let keys: Vec<_> = verdict.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["fired", "reason", "rule"]);
        assert!(!verdict["reason"].as_str().unwrap().is_empty());
    }
}

#[test]
fn the_operation_follows_from_the_rows() {
    let rules = json!([
        rule(json!({"id": "insert", "on": ["insert"]})),
        rule(json!({"id": "update", "on": ["update"]})),
        rule(json!({"id": "delete", "on": ["delete"], "value": "pending"})),
        rule(json!({"id": "delete paid", "on": ["delete"]})),
    ]);
    let folder = paid(&rules);
    for (words, expected) in [
        ("--new new.json", "insert"),
        ("--new new.json --op insert", "insert"),
        (BOTH, "update"),
        ("--old old.json --op delete", "delete"),
        ("--old old.json --new new.json --op delete", "delete"),
        ("--new new.json --op delete", "delete paid"),
    ] {
        let done = eval(&folder, words);
        let fired: Vec<_> = done.lines().iter().map(|l| l["rule"].clone()).collect();
        assert_eq!(
            (done.code, fired),
            (0, vec![json!(expected)]),
            "{words}: {done:?}"
        );
    }
}

#[test]
fn rows_that_do_not_go_with_the_operation_are_bad_input() {
    let folder = paid(&json!([]));
    eval(&folder, "").refused(&["an insert needs --new"]);
    eval(&folder, "--old old.json").refused(&["an update needs both --old and --new"]);
    eval(&folder, "--new new.json --op update").refused(&["an update needs both"]);
    eval(&folder, "--op delete").refused(&["a delete needs --old"]);
    eval(&folder, &format!("{BOTH} --op insert")).refused(&["an insert has no old row"]);
    let done = eval(&folder, &format!("{BOTH} --op upsert"));
    assert_eq!(done.code, 2);
    assert!(
        done.err.contains("upsert") && done.err.contains("insert, update, delete"),
        "{done:?}"
    );
}

#[test]
fn numbers_keep_every_digit() {
    let rules = json!([rule(
        json!({"event_data": {"amount": "{{ amount }}", "was": "{{ old.amount }}", "meta": "{{ meta }}"}})
    )]);
    let folder = paid(&rules);
    let digits = "12345678901234567890123456789012345.678";
    folder.write("new.json", &format!("{{\"id\": \"{ID}\", \"status\": \"paid\", \"qty\": 1, \"amount\": {digits}, \"meta\": {{\"n\": 1.5}}}}"));
    folder.write(
        "old.json",
        &format!("{{\"id\": \"{ID}\", \"status\": \"new\", \"qty\": 1, \"amount\": 99.90}}"),
    );
    let done = eval(&folder, BOTH);
    assert_eq!(
        done.lines()[0]["data"],
        json!({"amount": digits, "was": "99.90", "meta": {"n": 1.5}}),
        "{done:?}"
    );
}

#[test]
fn wide_numbers_in_rules_are_compared_exactly() {
    let rule = |id: &str, value: &str| {
        format!(
            "{{\"id\": \"{id}\", \"field_name\": \"amount\", \"operator\": \"eql\", \"value\": {value}, \"edge\": \"level\", \"event_class\": \"e\", \"event_data\": {{}}}}"
        )
    };
    let folder = paid(&json!([]));
    let rules = [
        rule("same", "0.1000000000000000000001"),
        rule("other", "0.1000000000000000000002"),
    ];
    folder.write("rules.json", &format!("[{}]", rules.join(",")));
    let digits = "0.1000000000000000000001";
    folder.write(
        "new.json",
        &format!("{{\"id\": \"{ID}\", \"status\": \"paid\", \"qty\": 1, \"amount\": {digits}}}"),
    );
    let fired: Vec<_> = eval(&folder, BOTH)
        .lines()
        .iter()
        .map(|l| l["rule"].clone())
        .collect();
    assert_eq!(fired, ["same"]);
}

#[test]
fn every_type_is_read() {
    let folder = paid(&json!([rule(json!({"event_data": {
        "ratio": "{{ ratio }}", "active": "{{ active }}", "paid_at": "{{ paid_at }}", "opens": "{{ opens }}",
        "due": "{{ due }}", "at": "{{ at }}", "meta": "{{ meta.a.0 }}", "tags": "{{ tags }}",
    }}))]));
    folder.json("new.json", &row(json!({
        "status": "paid", "ratio": 0.25, "active": false, "paid_at": "2026-01-31T12:00:00+02:00",
        "opens": "2026-01-31T08:30:00", "due": "2026-01-31", "at": "08:30:00", "meta": {"a": [7]},
    })));
    let expected = json!({
        "ratio": 0.25, "active": false, "paid_at": "2026-01-31T12:00:00+02:00",
        "opens": "2026-01-31T08:30:00", "due": "2026-01-31", "at": "08:30:00", "meta": 7, "tags": null,
    });
    let done = eval(&folder, BOTH);
    assert_eq!(done.lines()[0]["data"], expected, "{done:?}");
}

#[test]
fn a_field_left_out_is_unchanged_and_without_an_old_row_null() {
    let data = json!({"status": "{{ status }}", "qty": "{{ qty }}", "old": "{{ old.qty }}"});
    let folder = paid(&json!([
        rule(json!({"event_data": data})),
        rule(json!({"id": "r2", "field_name": "qty", "operator": "changed", "value": null})),
        rule(json!({"id": "r3", "on": ["insert"], "event_data": data})),
    ]));
    folder.json("new.json", &json!({"status": "paid"}));
    let done = eval(&folder, BOTH);
    let expected = json!({"status": "paid", "qty": 1, "old": 1});
    assert_eq!(done.lines().len(), 1, "{done:?}");
    assert_eq!(done.lines()[0]["data"], expected, "{done:?}");
    let done = eval(&folder, "--new new.json");
    let expected = json!({"status": "paid", "qty": null, "old": null});
    assert_eq!(done.lines()[0]["data"], expected, "{done:?}");
}

#[test]
fn rows_that_do_not_fit_the_model_are_bad_input() {
    let refused = |new: Json, texts: &[&str]| {
        let folder = paid(&json!([]));
        folder.json("new.json", &new);
        eval(&folder, BOTH).refused(texts);
    };
    refused(
        json!([]),
        &["new.json", "an array stands where an object is expected"],
    );
    refused(
        row(json!({"stauts": 1})),
        &["new.json", "no field `stauts`", "did you mean `status`?"],
    );
    refused(
        row(json!({"qty": null})),
        &["field `qty` is null", "`int?`"],
    );
    for (field, value) in [
        ("qty", json!("three")),
        ("qty", json!(1.5)),
        ("amount", json!("a lot")),
        ("status", json!(7)),
        ("ratio", json!("0.5")),
        ("active", json!("yes")),
        ("id", json!("r-1")),
        ("paid_at", json!("2026-01-31T12:00:00")),
        ("opens", json!("2026-01-31T12:00:00Z")),
        ("due", json!("31.1.2026")),
        ("at", json!(12)),
    ] {
        let texts = [
            format!("field `{field}`"),
            value.to_string(),
            "cannot be read as".into(),
            "; write ".into(),
        ];
        refused(
            row(json!({field: value})),
            &texts.each_ref().map(String::as_str),
        );
    }
}

#[test]
fn files_that_cannot_be_used_are_bad_input() {
    let folder = paid(&json!([]));
    folder.write("broken.json", "{");
    eval(&folder, "--old broken.json --new new.json").refused(&["broken.json", "not JSON"]);
    eval(&folder, "--old none.json --new new.json").refused(&["none.json", "cannot be read"]);
    folder.write("rules.json", "{}");
    eval(&folder, BOTH).refused(&[
        "rules.json",
        "an object stands where an array of rules is expected",
    ]);
    folder.write("rules.json", "[");
    eval(&folder, BOTH).refused(&["rules.json", "not JSON"]);
}

#[test]
fn the_time_can_be_set() {
    let rules = json!([rule(
        json!({"expires_at": "2026-06-01T00:00:00Z", "event_data": {"now": "{{ now }}"}})
    )]);
    let folder = paid(&rules);
    let before = eval(&folder, &format!("{BOTH} --now 2026-05-31T23:59:59+00:00"));
    assert_eq!(
        before.lines()[0]["data"],
        json!({"now": "2026-05-31T23:59:59Z"})
    );
    let after = eval(
        &folder,
        &format!("{BOTH} --now 2026-06-01T00:00:00Z --explain"),
    );
    assert_eq!(after.lines().len(), 1, "{after:?}");
    assert_eq!(after.lines()[0]["fired"], false);
    let wrong = eval(&folder, &format!("{BOTH} --now tomorrow"));
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(
        wrong.err.contains("write it as 2026-01-31T12:00:00Z"),
        "{wrong:?}"
    );
}

#[test]
fn broken_rules_are_reported_and_stop_nobody() {
    let rules = json!([
        rule(json!({"id": "unknown field", "field_name": "stauts"})),
        rule(json!({"id": "good"})),
        {"id": "no rule at all"},
        rule(json!({"id": "unknown template field", "event_data": {"a": "{{ nope }}"}})),
    ]);
    let done = eval(&paid(&rules), &format!("{BOTH} --explain"));
    assert_eq!(done.code, 0, "{done:?}");
    let lines = done.lines();
    assert_eq!(lines[0]["rule"], "good", "{done:?}");
    assert_eq!(lines.len(), 5, "{done:?}");
    assert_eq!(
        lines[1..].iter().filter(|l| l["fired"] == true).count(),
        1,
        "{done:?}"
    );
    for id in ["unknown field", "no rule at all", "unknown template field"] {
        assert!(
            lines[1..]
                .iter()
                .any(|l| l["rule"] == id && l["fired"] == false),
            "{id}: {done:?}"
        );
        assert!(
            done.err
                .lines()
                .any(|l| l.starts_with("warning: ") && l.contains(id)),
            "{id}: {done:?}"
        );
    }
}

#[test]
fn events_have_the_name_that_the_rule_gives_them() {
    let folder = paid(&json!([
        rule(json!({"event_class": "OrderPaid"})),
        rule(json!({"id": "r2", "event_class": "order.unknown"}))
    ]));
    folder.json(
        "events.json",
        &json!({"order.paid": {"title": "OrderPaid"}}),
    );
    let done = eval(&folder, &format!("{BOTH} --events events.json"));
    assert_eq!(done.lines().len(), 1, "{done:?}");
    assert_eq!(done.lines()[0]["event_class"], "OrderPaid");
    assert!(done.err.contains("order.unknown"), "{done:?}");
}
