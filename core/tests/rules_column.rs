//! The rules column: nothing is lost, and what was changed since loading is known.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::model::{Field, Operation};
use celerysalt::rules::{Edge, Guard, Operand, Operator, Rule, Rules, Was};
use serde_json::{Value as Json, json};

fn rule(id: &str) -> Rule {
    Rule::when("status")
        .eql(id)
        .emit_topic("e", json!({}))
        .id(id)
}

fn column(ids: &[&str]) -> String {
    ids.iter().map(|id| rule(id)).collect::<Rules>().to_json()
}

fn ids(rules: &Rules) -> Vec<&str> {
    rules.iter().map(|rule| rule.id.as_str()).collect()
}

#[test]
fn a_founding_document_parses_unchanged() {
    let text = r#"{"id": "any old id", "field_name": "status", "operator": "eql", "value": "paid",
        "event_class": "order.paid", "event_data": {"order_id": "{{ id }}"}, "persist": false}"#;
    let rule: Rule = serde_json::from_str(text).unwrap();
    assert_eq!(rule.id, "any old id");
    assert_eq!(rule.value, Operand::literal("paid"));
    assert_eq!(rule.event_data, json!({"order_id": "{{ id }}"}));
    assert_eq!(
        (rule.persist, rule.edge, rule.enabled),
        (false, Edge::Change, true)
    );
    assert_eq!(rule.on, [Operation::Update]);
}

#[test]
fn an_id_is_given_when_absent() {
    let text = r#"{"field_name": "s", "operator": "changed", "event_class": "e"}"#;
    let rule: Rule = serde_json::from_str(text).unwrap();
    let id: uuid::Uuid = rule.id.parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let built = Rule::when("s").changed().emit_topic("e", json!({}));
    assert_ne!(
        built.id,
        Rule::when("s").changed().emit_topic("e", json!({})).id
    );
}

#[test]
fn documents_without_id_keep_the_same_id_at_every_load_of_a_row() {
    let text = r#"[{"field_name": "s", "operator": "changed", "event_class": "e"},
                   {"field_name": "s", "operator": "changed", "event_class": "e"}]"#;
    let (a, b) = (Rules::loaded(text), Rules::loaded(text));
    assert_eq!(ids(&a), ids(&b));
    assert_ne!(ids(&a)[0], ids(&a)[1]);
    let mut callers = a.clone();
    callers.remove(ids(&a)[0]);
    assert_eq!(ids(&Rules::merge(&b, &callers)), &ids(&a)[1..]);
    assert_ne!(ids(&Rules::from_json(text)), ids(&Rules::from_json(text)));
}

#[test]
fn defaults_are_not_printed_and_everything_else_is() {
    let plain = rule("r").to_value();
    let keys: Vec<&String> = plain.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "event_class",
            "event_data",
            "field_name",
            "id",
            "operator",
            "value"
        ]
    );
    let full = Rule::when("amount")
        .between(1, Operand::field("credit_limit"))
        .was_matching(Operator::NotNull, None::<String>)
        .enter()
        .on([Operation::Delete, Operation::Insert, Operation::Delete])
        .guard(Guard::any([
            Guard::not(Guard::old("vip").eql(true)),
            Guard::field("n").is_in([1, 2]),
        ]))
        .describe("words")
        .expires_at("2030-01-01T00:00:00Z".parse().unwrap())
        .id("r")
        .emit_topic("e", json!({"a": 1}))
        .persistent();
    let printed = full.to_value();
    assert_eq!(
        printed,
        json!({
            "id": "r", "field_name": "amount", "operator": "between", "value": [1, {"field": "credit_limit"}],
            "event_class": "e", "event_data": {"a": 1}, "persist": true, "was": {"operator": "not_null"},
            "edge": "enter", "on": ["insert", "delete"],
            "when": {"any": [
                {"not": {"field_name": {"old": "vip"}, "operator": "eql", "value": true}},
                {"field_name": "n", "operator": "in", "value": [1, 2]}
            ]},
            "expires_at": "2030-01-01T00:00:00Z", "description": "words"
        })
    );
    assert_eq!(Rule::from_value(&printed).unwrap(), full);
}

#[test]
fn literals_that_look_like_references_survive_printing() {
    for literal in [
        json!({"field": "x"}),
        json!({"old": "x"}),
        json!({"literal": 1}),
        json!({"field": 1}),
        json!({"operator": "eql"}),
    ] {
        let rule = Rule::when("m")
            .eql(Operand::literal(literal.clone()))
            .was(Operand::literal(literal.clone()))
            .emit_topic("e", json!({}));
        let again = Rule::from_value(&rule.to_value()).unwrap();
        assert_eq!(again, rule);
        assert_eq!(again.was, Some(Was::Equals(Operand::literal(literal))));
    }
    let listed = Rule::when("m")
        .is_in([Operand::literal(json!({"old": "x"})), Operand::old("x")])
        .emit_topic("e", json!({}));
    assert_eq!(Rule::from_value(&listed.to_value()).unwrap(), listed);
}

#[test]
fn the_builder_takes_values_of_all_kinds() {
    struct Order;
    const METADATA: Field<Order> = Field::new("metadata");
    let value = |operand: Operand| operand.to_value();
    assert_eq!(
        Rule::when(METADATA.path("a.b"))
            .changed()
            .emit_topic("e", json!({}))
            .field_name,
        "metadata.a.b"
    );
    assert_eq!(
        value("1.50".parse::<rust_decimal::Decimal>().unwrap().into()),
        json!("1.50")
    );
    assert_eq!(value(0.1_f32.into()), json!(0.1));
    assert_eq!(value(f64::NAN.into()), json!("NaN"));
    assert_eq!(value(u64::MAX.into()), json!(u64::MAX));
    assert_eq!(value(None::<i32>.into()), Json::Null);
    assert_eq!(
        value(chrono::DateTime::UNIX_EPOCH.into()),
        json!("1970-01-01T00:00:00Z")
    );
    assert_eq!(
        value(uuid::Uuid::nil().into()),
        json!("00000000-0000-0000-0000-000000000000")
    );
    assert_eq!(value(json!({"field": "x"}).into()), json!({"field": "x"}));
    assert_eq!(value(Operand::field("x")), json!({"field": "x"}));
    let eql_list = Rule::when("m").eql(vec![1, 2]).emit_topic("e", json!({}));
    assert_eq!(eql_list.value, Operand::Literal(json!([1, 2])));
}

#[test]
fn broken_entries_are_kept_verbatim_and_in_place() {
    let text = r#"[{"id":"a","oops":1},5,{"celerysalt":{"seq":7}},"x"]"#;
    let mut rules = Rules::loaded(text);
    assert_eq!(
        (rules.len(), rules.iter().count(), rules.broken().count()),
        (3, 0, 3)
    );
    assert!(!rules.is_modified());
    rules.push(rule("b"));
    let printed = rules.to_value();
    assert_eq!(printed[0], json!({"id": "a", "oops": 1}));
    assert_eq!(printed[1], 5);
    assert_eq!(printed[2], "x");
    assert_eq!(printed[3]["id"], "b");
    assert_eq!(printed[4], json!({"celerysalt": {"seq": 7}}));
    assert_eq!(rules.discard_broken().len(), 3);
    assert_eq!(ids(&rules), ["b"]);
}

#[test]
fn a_column_that_is_no_array_is_kept_verbatim() {
    for text in ["{broken json", r#"{"a":1}"#, "5", "\"text\""] {
        let mut rules = Rules::loaded(text);
        assert_eq!(rules.to_json(), text);
        assert_eq!(rules.broken().count(), 1);
        assert_eq!(Rules::merge(&Rules::loaded(text), &rules).to_json(), text);
        rules.push(rule("a"));
        let stored = Rules::merge(&Rules::loaded(text), &rules).to_json();
        let again = Rules::loaded(&stored);
        assert_eq!(
            (again.iter().count(), again.broken().count()),
            (1, 1),
            "{stored}"
        );
    }
    for text in ["", "  ", "null", "[]"] {
        let rules = Rules::loaded(text);
        assert!(rules.is_empty() && !rules.is_modified());
        assert_eq!(rules.to_json(), "[]");
    }
}

#[test]
fn a_column_keeps_its_digits() {
    let text = r#"[{"id":"a","field_name":"amount","operator":"eql","value":12345678901234567890.123456789,"event_class":"e"}]"#;
    let rules = Rules::loaded(text);
    assert!(
        rules
            .to_json()
            .contains("\"12345678901234567890.123456789\"")
    );
}

#[test]
fn changes_since_loading_are_known() {
    let mut rules = Rules::loaded(&column(&["a", "b", "c"]));
    assert!(!rules.is_modified());
    rules.get_mut("b").unwrap();
    assert!(!rules.is_modified(), "looking is no edit");
    rules.get_mut("b").unwrap().persist = true;
    assert_eq!(rules.remove("a").unwrap().id, "a");
    rules.push(rule("d"));
    let of = |rules: Vec<&Rule>| rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
    assert_eq!(of(rules.added().collect()), ["d"]);
    assert_eq!(of(rules.removed().collect()), ["a"]);
    assert_eq!(of(rules.edited().collect()), ["b"]);
    assert!(rules.is_modified());
    assert!(!rules.clone().rebased().is_modified());
    let fresh = Rules::from_json(&column(&["a"]));
    assert_eq!(
        of(fresh.added().collect()),
        ["a"],
        "without a base everything was added"
    );
    let through_serde: Rules = serde_json::from_str(&column(&["a"])).unwrap();
    assert!(through_serde.is_modified());
}

#[test]
fn a_merge_applies_what_the_caller_changed_to_what_is_stored() {
    let mut callers = Rules::loaded(&column(&[
        "fired",
        "removed",
        "edited",
        "kept",
        "gone-edited",
    ]));
    callers.remove("removed");
    callers.get_mut("edited").unwrap().persist = true;
    callers.get_mut("gone-edited").unwrap().persist = true;
    callers.push(rule("mine"));
    let mut stored = Rules::loaded(&column(&["removed", "kept", "edited", "meanwhile"]));
    stored.set_note(Some(json!({"seq": 3})));
    let merged = Rules::merge(&stored, &callers);
    assert_eq!(ids(&merged), ["kept", "edited", "meanwhile", "mine"]);
    assert!(merged.get("edited").unwrap().persist);
    assert_eq!(merged.note(), Some(&json!({"seq": 3})));
    assert!(merged.is_modified());
    assert!(!Rules::merge(&stored, &Rules::loaded(&column(&["kept"]))).is_modified());
}

#[test]
fn an_added_id_that_is_stored_meanwhile_takes_the_caller_s_form() {
    let mut callers = Rules::loaded("[]");
    callers.push(rule("a").persistent());
    let merged = Rules::merge(&Rules::loaded(&column(&["a", "b"])), &callers);
    assert_eq!(ids(&merged), ["a", "b"]);
    assert!(merged.get("a").unwrap().persist);
}

#[test]
fn what_was_edited_by_others_meanwhile_stays_edited() {
    let mut stored = Rules::loaded(&column(&["a"]));
    stored.get_mut("a").unwrap().description = Some("by another".to_owned());
    let stored = Rules::loaded(&stored.to_json());
    let mut callers = Rules::loaded(&column(&["a"]));
    callers.push(rule("b"));
    let merged = Rules::merge(&stored, &callers);
    assert_eq!(
        merged.get("a").unwrap().description.as_deref(),
        Some("by another")
    );
}

#[test]
fn broken_entries_merge_like_rules_by_their_content() {
    let stored = Rules::loaded(r#"[5, "x", 5]"#);
    let mut callers = Rules::loaded("[5]");
    callers.discard_broken();
    assert_eq!(Rules::merge(&stored, &callers).to_json(), r#"["x",5]"#);
    assert_eq!(
        Rules::merge(&stored, &Rules::from_json(r#"["y", "x"]"#)).to_json(),
        r#"[5,"x",5,"y"]"#
    );
}

#[test]
fn the_note_is_neither_a_rule_nor_content() {
    let mut rules = Rules::loaded(&column(&["a"]));
    let before = rules.clone();
    rules.set_note(Some(json!([1])));
    assert_eq!(rules, before);
    assert_eq!((rules.len(), rules.is_modified()), (1, false));
    let again = Rules::loaded(&rules.to_json());
    assert_eq!(again.note(), Some(&json!([1])));
    rules.set_note(None);
    assert_eq!(rules.to_json(), before.to_json());
}

#[test]
fn a_column_that_is_no_list_is_itself_again_when_the_note_has_gone() {
    for column in [r#"{"not":"a list"}"#, "17", r#""text""#, "[{ half"] {
        let mut rules = Rules::loaded(column);
        rules.set_note(Some(json!({"seq": 3})));
        let travelled = Rules::loaded(&rules.to_json());
        assert_eq!((travelled.note(), &travelled), (rules.note(), &rules));
        for mut rules in [rules, travelled] {
            rules.set_note(None);
            assert_eq!(rules.to_json(), column);
            rules.set_note(Some(json!(1)));
            rules.push(rule("a"));
            assert_eq!(Rules::loaded(&rules.to_json()).len(), 2, "{column}");
        }
    }
}

#[test]
fn what_only_looks_like_a_column_beside_a_note_is_kept() {
    for column in [
        r#"[{"celerysalt":1,"column":[]}]"#,
        r#"[{"celerysalt":1,"column":{},"column_text":"{"}]"#,
        r#"[{"celerysalt":1,"column_text":"[]"}]"#,
        r#"[{"celerysalt":1,"column":{}},5]"#,
    ] {
        let rules = Rules::loaded(column);
        assert_eq!((rules.note(), rules.to_json().as_str()), (None, column));
    }
}

#[test]
fn the_schema_of_a_user_s_struct_can_hold_rules() {
    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Order {
        on_change_rules: Rules,
    }
    let schema = schemars::schema_for!(Order);
    assert!(schema.to_value().to_string().contains("Rules"));
}

#[test]
fn thousands_of_equal_documents_are_read_and_merged_in_time() {
    // Cubic and quadratic ways through these would take minutes.
    let rule = r#"{"field_name": "s", "operator": "changed", "event_class": "e"}"#;
    let text = format!("[{}]", vec![rule; 10_000].join(","));
    let rules = Rules::loaded(&text);
    let ids: std::collections::HashSet<&str> = ids(&rules).into_iter().collect();
    assert_eq!(ids.len(), 10_000);
    let broken: Vec<String> = (0..20_000).map(|i| format!(r#"{{"bro": {i}}}"#)).collect();
    let text = format!("[{}]", broken.join(","));
    let (stored, mut callers) = (Rules::loaded(&text), Rules::loaded(&text));
    assert!(!callers.is_modified());
    assert_eq!(callers.discard_broken().len(), 20_000);
    assert!(Rules::merge(&stored, &callers).is_empty());
}
