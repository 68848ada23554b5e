//! When a rule fires: edges, `was`, guards, operations, references, chains, rules outside of the row.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::model::{FieldDef, ModelDef, Operation};
use celerysalt::rules::{CompiledRules, EvaluateError, Guard, Operand, Operator, Rule, Rules};
use celerysalt::value::{FieldType, Value};
use rules_support::{Save, at, dec, model, now, row, rule, text};
use serde_json::{Value as Json, json};

fn status(value: &str) -> [(&'static str, Value); 1] {
    [("status", text(value))]
}

fn paid() -> Rule {
    Rule::when("status")
        .eql("paid")
        .emit_topic("order.noted", json!({"order": "{{ note }}"}))
}

fn only(rule: Rule) -> Rules {
    Rules::from(vec![rule])
}

fn reason(save: &Save<'_>, rule: Rule) -> String {
    save.explain(&only(rule), &[]).remove(0).reason
}

#[test]
fn change_fires_when_the_field_changed_to_a_satisfying_value() {
    let m = model();
    assert!(Save::update(&m, &status("pending"), &status("paid")).fires(&paid()));
    assert!(!Save::update(&m, &status("paid"), &status("paid")).fires(&paid()));
    assert!(!Save::update(&m, &status("pending"), &status("sent")).fires(&paid()));
    assert!(Save::update(&m, &[], &status("paid")).fires(&paid()));
    // It changed from one satisfying value to another: a change, nothing entered.
    let above = |edge: &str| {
        rule(json!({"field_name": "amount", "operator": "gt", "value": 100, "edge": edge}))
    };
    let save = Save::update(&m, &[("amount", dec("110"))], &[("amount", dec("120"))]);
    assert!(save.fires(&above("change")));
    assert!(!save.fires(&above("enter")));
    assert!(save.fires(&above("level")));
    let save = Save::update(&m, &[("amount", dec("90"))], &[("amount", dec("120"))]);
    assert!(save.fires(&above("enter")));
    let save = Save::update(&m, &[("amount", dec("120"))], &[("amount", dec("120.0"))]);
    assert!(
        !save.fires(&above("change"))
            && !save.fires(&above("enter"))
            && save.fires(&above("level"))
    );
}

#[test]
fn a_change_beside_the_rule_s_json_path_is_no_change() {
    let m = model();
    let city = rule(json!({"field_name": "metadata.city", "operator": "eql", "value": "Bonn"}));
    let doc = |city: &str, zip: i32| [("metadata", Value::Json(json!({"city": city, "zip": zip})))];
    assert!(!Save::update(&m, &doc("Bonn", 1), &doc("Bonn", 2)).fires(&city));
    assert!(Save::update(&m, &doc("Kiel", 1), &doc("Bonn", 1)).fires(&city));
    assert!(Save::update(&m, &[], &doc("Bonn", 1)).fires(&city));
}

#[test]
fn enter_notices_what_another_field_s_change_lets_in() {
    let m = model();
    let over = |edge: &str| {
        rule(
            json!({"field_name": "amount", "operator": "gt", "value": {"field": "credit_limit"}, "edge": edge}),
        )
    };
    let with = |limit: &str| [("amount", dec("100")), ("credit_limit", dec(limit))];
    let lowered = Save::update(&m, &with("200"), &with("50"));
    assert!(lowered.fires(&over("enter")));
    assert!(!lowered.fires(&over("change")));
    assert!(!Save::update(&m, &with("60"), &with("50")).fires(&over("enter")));
    let unchanged = rule(json!({"field_name": "amount", "operator": "unchanged", "edge": "enter"}));
    assert!(lowered.fires(&unchanged));
}

#[test]
fn was_asks_for_the_old_value() {
    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    assert!(save.fires(&paid().was("pending")));
    assert!(!save.fires(&paid().was("draft")));
    assert!(save.fires(&paid().was_matching(Operator::In, vec!["draft", "pending"])));
    assert!(!save.fires(&paid().was_matching(Operator::StartsWith, "x")));
    assert!(!save.fires(&paid().was(Operand::field("note"))));
    assert!(!save.fires(&paid().was(None::<String>)));
    assert!(Save::update(&m, &[], &status("paid")).fires(&paid().was(None::<String>)));
    let save = Save::update(
        &m,
        &status("pending"),
        &[("status", text("paid")), ("note", text("pending"))],
    );
    assert!(save.fires(&paid().was(Operand::field("note"))));
}

#[test]
fn was_never_holds_on_insert() {
    let m = model();
    let save = Save::insert(&m, &status("paid"));
    let on_insert = paid().on([Operation::Insert]);
    assert!(save.fires(&on_insert));
    assert!(!save.fires(&on_insert.clone().was(None::<String>)));
    assert!(!save.fires(&on_insert.was_matching(Operator::IsNull, None::<String>)));
}

#[test]
fn guards_combine_and_look_at_both_rows() {
    let m = model();
    let old = [
        ("status", text("pending")),
        ("amount", dec("10")),
        ("count", Value::Int(1)),
    ];
    let new = [
        ("status", text("paid")),
        ("amount", dec("80.00")),
        ("count", Value::Int(2)),
    ];
    let save = Save::update(&m, &old, &new);
    let with = |guard: Guard| save.fires(&paid().guard(guard));
    let (yes, no) = (
        || Guard::field("amount").gt("50"),
        || Guard::field("amount").gt("100.00"),
    );
    assert!(with(yes()) && !with(no()));
    assert!(with(Guard::all([])) && !with(Guard::any([])));
    assert!(with(Guard::all([yes(), yes()])) && !with(Guard::all([yes(), no()])));
    assert!(with(Guard::any([no(), yes()])) && !with(Guard::any([no(), no()])));
    assert!(with(Guard::not(no())) && !with(Guard::not(yes())));
    assert!(with(Guard::old("amount").eql(10)) && !with(Guard::old("amount").gt(50)));
    assert!(with(Guard::field("amount").gt(Operand::old("amount"))));
    assert!(with(Guard::field("count").increased()) && with(Guard::field("count").increased_by(1)));
    assert!(with(Guard::field("note").unchanged()) && !with(Guard::field("count").unchanged()));
    let nested = Guard::not(Guard::any([
        no(),
        Guard::all([yes(), Guard::field("vip").eql(true)]),
    ]));
    assert!(with(nested));
}

#[test]
fn a_guard_in_json_may_name_the_old_row_on_either_side() {
    let m = model();
    let save = Save::update(
        &m,
        &[("amount", dec("10")), ("status", text("a"))],
        &[("amount", dec("20")), ("status", text("paid"))],
    );
    let with = |guard: Json| {
        save.fires(&rule(
            json!({"field_name": "status", "operator": "eql", "value": "paid", "when": guard}),
        ))
    };
    assert!(with(
        json!({"field_name": {"old": "amount"}, "operator": "eql", "value": "10"})
    ));
    assert!(with(
        json!({"field_name": "amount", "operator": "gt", "value": {"old": "amount"}})
    ));
    assert!(!with(
        json!({"field_name": {"old": "amount"}, "operator": "gt", "value": {"field": "amount"}})
    ));
}

#[test]
fn on_insert_every_field_is_changed_and_nothing_is_old() {
    let m = model();
    let save = Save::insert(&m, &[("status", text("paid")), ("count", Value::Int(5))]);
    let inserted = |keys: Json| {
        let mut keys = keys;
        keys["on"] = json!(["insert"]);
        save.fires(&rule(keys))
    };
    assert!(!save.fires(&paid()), "the default is update");
    assert!(inserted(
        json!({"field_name": "status", "operator": "eql", "value": "paid"})
    ));
    assert!(inserted(
        json!({"field_name": "status", "operator": "eql", "value": "paid", "edge": "enter"})
    ));
    assert!(inserted(
        json!({"field_name": "note", "operator": "is_null"})
    ));
    assert!(inserted(
        json!({"field_name": "status", "operator": "changed"})
    ));
    assert!(!inserted(
        json!({"field_name": "note", "operator": "changed"})
    ));
    assert!(!inserted(
        json!({"field_name": "note", "operator": "unchanged", "edge": "level"})
    ));
    assert!(!inserted(
        json!({"field_name": "count", "operator": "increased"})
    ));
    assert!(!inserted(
        json!({"field_name": "count", "operator": "increased_by", "value": 0})
    ));
    assert!(!inserted(
        json!({"field_name": "count", "operator": "neq", "value": {"old": "count"}})
    ));
    assert!(!inserted(
        json!({"field_name": "count", "operator": "not_in", "value": [{"old": "count"}]})
    ));
    let old_null = json!({"field_name": {"old": "note"}, "operator": "is_null"});
    assert!(!inserted(
        json!({"field_name": "count", "operator": "not_null", "when": old_null})
    ));
}

#[test]
fn on_delete_the_row_that_goes_is_looked_at() {
    let m = model();
    let save = Save::delete(&m, &[("status", text("paid")), ("count", Value::Int(5))]);
    let deleted = |keys: Json| {
        let mut keys = keys;
        keys["on"] = json!(["delete"]);
        save.fires(&rule(keys))
    };
    assert!(!save.fires(&paid()));
    assert!(deleted(
        json!({"field_name": "status", "operator": "eql", "value": "paid"})
    ));
    assert!(!deleted(
        json!({"field_name": "status", "operator": "eql", "value": "x"})
    ));
    assert!(deleted(
        json!({"field_name": "status", "operator": "eql", "value": "paid", "was": "paid"})
    ));
    assert!(deleted(
        json!({"field_name": "status", "operator": "eql", "value": "paid", "edge": "level"})
    ));
    assert!(!deleted(
        json!({"field_name": "status", "operator": "eql", "value": "paid", "edge": "enter"})
    ));
    assert!(deleted(
        json!({"field_name": "status", "operator": "changed"})
    ));
    assert!(!deleted(
        json!({"field_name": "note", "operator": "changed"})
    ));
    assert!(!deleted(
        json!({"field_name": "count", "operator": "decreased"})
    ));
    assert!(deleted(
        json!({"field_name": "status", "operator": "eql", "value": {"old": "status"}})
    ));
}

#[test]
fn a_rule_that_is_off_or_expired_stays_silent_and_stays() {
    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let off =
        rule(json!({"field_name": "status", "operator": "eql", "value": "paid", "enabled": false}));
    assert!(!save.fires(&off));
    assert!(!save.fires(&paid().expires_at(now())));
    assert!(save.fires(&paid().expires_at(now() + chrono::TimeDelta::seconds(1))));
    let evaluation = save.evaluate(&only(paid().expires_at(now()).once()));
    assert!(evaluation.spent.is_empty());
}

#[test]
fn what_fires_once_is_spent_and_what_persists_is_not() {
    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let silent = Rule::when("status")
        .eql("sent")
        .emit_topic("order.noted", json!({}))
        .id("silent");
    let rules = Rules::from(vec![
        paid().id("once"),
        paid().id("kept").persistent(),
        silent,
    ]);
    let evaluation = save.evaluate(&rules);
    assert_eq!(evaluation.events.len(), 2);
    assert_eq!(evaluation.spent, ["once"]);
}

#[test]
fn rules_in_code_and_in_a_table_fire_alike_and_always_persist() {
    let m = model().with_rules(Rules::from(vec![paid().id("code")]));
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let (row, table) = (only(paid().id("row")), only(paid().id("table")));
    let evaluation = save.try_evaluate(&row, &[&table]).unwrap();
    let ids: Vec<_> = evaluation
        .events
        .iter()
        .map(|e| e.meta.rule_id.as_deref().unwrap())
        .collect();
    assert_eq!(ids, ["row", "code", "table"]);
    assert_eq!(evaluation.spent, ["row"]);
}

#[test]
fn an_event_carries_topic_version_data_rule_row_and_time() {
    let m = model();
    let data = json!({"order_id": "{{ id }}", "amount": "{{ amount }}"});
    let rules = only(
        Rule::when("status")
            .eql("paid")
            .emit_topic("OrderPaid", data)
            .id("r1"),
    );
    let id = uuid::Uuid::from_u128(9);
    let new = [
        ("status", text("paid")),
        ("id", Value::Uuid(id)),
        ("amount", dec("12345678901234567890.123456789")),
    ];
    let save = Save::update(&m, &[("id", Value::Uuid(id))], &new);
    let evaluation = save.evaluate(&rules);
    let [event] = evaluation.events.as_slice() else {
        panic!("{evaluation:?}")
    };
    assert_eq!(
        (event.topic.as_str(), event.version.as_deref()),
        ("order.paid", Some("v2"))
    );
    assert_eq!(
        event.payload,
        json!({"order_id": id, "amount": "12345678901234567890.123456789"})
    );
    assert_eq!(event.meta.rule_id.as_deref(), Some("r1"));
    assert_eq!(event.meta.aggregate.as_deref(), Some("order:1"));
    assert_eq!(event.meta.created_at, Some(now()));
    assert_eq!(event.id.get_version_num(), 7);
    let (seconds, _) = event.id.get_timestamp().unwrap().to_unix();
    assert_eq!(i64::try_from(seconds).unwrap(), now().timestamp());
    assert_eq!(event.meta.chain.correlation_id, Some(event.id.to_string()));
    assert_eq!(
        (event.meta.chain.depth, event.meta.chain.causation_id),
        (0, None)
    );
}

#[test]
fn ids_of_one_save_ascend() {
    let m = model();
    let rules: Rules = (0..50).map(|i| paid().id(format!("r{i}"))).collect();
    let events = Save::update(&m, &[], &status("paid"))
        .evaluate(&rules)
        .events;
    assert_eq!(events.len(), 50);
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
}

#[test]
fn a_chain_keeps_its_correlation_and_names_its_cause() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    let first = save.evaluate(&only(paid().id("a"))).events.remove(0);
    save.chain = Chain::caused_by(&first);
    let second = save.evaluate(&only(paid().id("b"))).events.remove(0);
    let chain = &second.meta.chain;
    assert_eq!(chain.correlation_id, Some(first.id.to_string()));
    assert_eq!(chain.causation_id, Some(first.id));
    assert_eq!((chain.depth, chain.fired.len()), (1, 2));
}

#[test]
fn a_rule_fires_once_a_row_a_chain() {
    let m = model();
    for (row_rules, table) in [
        (only(paid().id("a").persistent()), Rules::new()),
        (Rules::new(), only(paid())),
    ] {
        let mut save = Save::update(&m, &status("pending"), &status("paid"));
        let first = save
            .try_evaluate(&row_rules, &[&table])
            .unwrap()
            .events
            .remove(0);
        save.chain = Chain::caused_by(&first);
        let again = save.try_evaluate(&row_rules, &[&table]).unwrap();
        assert!(again.events.is_empty() && again.broken.is_empty() && again.spent.is_empty());
        let verdict = save.explain(&row_rules, &[&table]).remove(0);
        assert!(
            !verdict.fired && verdict.reason.contains("already"),
            "{}",
            verdict.reason
        );
        save.aggregate = "order:2";
        assert_eq!(
            save.try_evaluate(&row_rules, &[&table])
                .unwrap()
                .events
                .len(),
            1
        );
    }
}

#[test]
fn a_rule_in_code_is_known_to_a_chain_by_its_content() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    let one_process = only(paid().id("01980c2e-made-at-one-start"));
    let another = only(paid().id("01980c2e-made-at-another"));
    let first = save
        .try_evaluate(&Rules::new(), &[&one_process])
        .unwrap()
        .events
        .remove(0);
    save.chain = Chain::caused_by(&first);
    assert!(
        save.try_evaluate(&Rules::new(), &[&another])
            .unwrap()
            .events
            .is_empty()
    );
}

#[test]
fn a_chain_that_is_too_deep_is_an_error_only_when_something_would_fire() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    save.chain.depth = MAX_DEPTH;
    assert_eq!(save.evaluate(&only(paid())).events.len(), 1);
    save.chain.depth = MAX_DEPTH + 1;
    let error = save
        .try_evaluate(&only(paid().id("deep")), &[])
        .unwrap_err();
    let EvaluateError::ChainTooDeep {
        rule_id,
        topic,
        depth,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (rule_id.as_str(), topic.as_str(), *depth),
        ("deep", "order.noted", MAX_DEPTH + 1)
    );
    assert!(!save.explain(&only(paid()), &[])[0].fired);
    assert!(save.evaluate(&only(paid().was("draft"))).events.is_empty());
}

#[test]
fn a_broken_rule_stops_neither_the_save_nor_its_siblings() {
    let m = model();
    let column = r#"[
        {"id": "no-operator", "field_name": "status", "operator": "equals", "value": 1, "event_class": "order.noted"},
        {"id": "no-field", "field_name": "statu", "operator": "eql", "value": "paid", "event_class": "order.noted"},
        {"id": "no-event", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.gone"},
        {"id": "bad-data", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.paid"},
        {"id": "bad-regex", "field_name": "status", "operator": "matches", "value": "(", "event_class": "order.noted"},
        {"id": "off", "field_name": "statu", "operator": "eql", "value": "x", "event_class": "order.noted", "enabled": false},
        "not even an object",
        {"id": "good", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.noted"},
        {"id": "good", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.noted"}
    ]"#;
    let rules = Rules::loaded(column);
    let save = Save::update(&m, &status("pending"), &[("status", text("paid"))]);
    let evaluation = save.evaluate(&rules);
    assert_eq!(evaluation.events.len(), 1);
    assert_eq!(evaluation.spent, ["good"]);
    let mut broken: Vec<_> = evaluation
        .broken
        .iter()
        .map(|b| b.id.as_deref().unwrap_or("?"))
        .collect();
    broken.sort_unstable();
    assert_eq!(
        broken,
        [
            "?",
            "bad-data",
            "bad-regex",
            "good",
            "no-event",
            "no-field",
            "no-operator"
        ]
    );
    let verdicts = save.explain(&rules, &[]);
    assert_eq!(verdicts.len(), 9);
    assert_eq!(verdicts.iter().filter(|v| v.fired).count(), 1);
    assert!(
        verdicts[0].reason.contains("unknown operator"),
        "{}",
        verdicts[0].reason
    );
    assert_eq!(verdicts[6].rule_id, "#6");
}

#[test]
fn a_rule_that_a_model_does_not_allow_emits_nothing() {
    let m = model().allow_events(["OrderPaid"]);
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let evaluation = save.evaluate(&only(paid()));
    assert!(evaluation.events.is_empty());
    assert!(
        evaluation.broken[0]
            .errors
            .to_string()
            .contains("may not emit")
    );
    let allowed = Rule::when("status")
        .eql("paid")
        .emit_topic("order.paid", json!({"order_id": "x"}));
    assert_eq!(save.evaluate(&only(allowed)).events.len(), 1);
}

#[test]
fn errors_of_data_at_save_time_name_the_place_and_hide_the_value() {
    let m = model();
    let data = json!({"order_id": "{{ count }}"});
    let rules = only(
        Rule::when("status")
            .eql("paid")
            .emit_topic("order.paid", data),
    );
    let save = Save::update(
        &m,
        &[],
        &[("status", text("paid")), ("count", Value::Int(424_242))],
    );
    let broken = save.evaluate(&rules).broken;
    let said = broken[0].errors.to_string();
    assert!(
        said.contains("event_data.order_id") && !said.contains("424242"),
        "{said}"
    );
}

#[test]
fn verdicts_say_what_was_compared() {
    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    assert_eq!(
        reason(&save, paid()),
        r#"fired: status changed from "pending" to "paid" and is eql "paid""#
    );
    let amounts = Save::update(&m, &[("amount", dec("1.00"))], &[("amount", dec("80.00"))]);
    let over = Rule::when("amount")
        .gt("100.00")
        .emit_topic("order.noted", json!({}));
    assert_eq!(
        reason(&amounts, over),
        "did not fire: amount 80.00 is not gt 100.00"
    );
    assert_eq!(
        reason(&amounts, paid()),
        "did not fire: status did not change"
    );
    assert_eq!(
        reason(&save, paid().was("draft")),
        r#"did not fire: status was "pending", which is not eql "draft""#
    );
    let guard = Guard::all([
        Guard::all([]),
        Guard::field("amount").gt(Operand::field("credit_limit")),
    ]);
    assert_eq!(
        reason(&save, paid().guard(guard)),
        "did not fire: the guard `when.all[1]` does not hold: amount null is not gt credit_limit null"
    );
    assert_eq!(
        reason(&save, paid().on([Operation::Insert, Operation::Delete])),
        "did not fire: it is looked at on insert, delete, not on update"
    );
    let grown = Rule::when("amount")
        .increased_by(100)
        .emit_topic("order.noted", json!({}));
    assert_eq!(
        reason(&amounts, grown),
        "did not fire: amount went from 1.00 to 80.00 and is not increased_by 100"
    );
    let inserted = Save::insert(&m, &status("paid"));
    assert_eq!(
        reason(&inserted, paid().on([Operation::Insert])),
        r#"fired: the row is inserted with status "paid", which is eql "paid""#
    );
    let entered = Save::update(&m, &[("amount", dec("200"))], &[("amount", dec("300"))]);
    let enter = Rule::when("amount")
        .gt(100)
        .enter()
        .emit_topic("order.noted", json!({}));
    assert_eq!(
        reason(&entered, enter),
        "did not fire: amount was gt 100 before, so it entered nothing"
    );
}

#[test]
fn a_save_without_aggregate_is_a_dry_run_that_fires() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    save.aggregate = "";
    let event = save.evaluate(&only(paid())).events.remove(0);
    assert_eq!(event.meta.aggregate, None);
    assert!(event.meta.chain.fired.is_empty());
}

#[test]
fn compiled_rules_tell_what_fires_without_making_events() {
    let m = model();
    let rules = Rules::from(vec![paid().id("a"), paid().was("draft").id("b")]);
    let compiled = CompiledRules::compile(&m, &rules);
    let (old, new) = (row(&m, &status("pending")), row(&m, &status("paid")));
    let change = celerysalt::model::Change {
        operation: Operation::Update,
        old: Some(&old),
        new: &new,
        aggregate: "",
    };
    let ids: Vec<_> = compiled
        .firing(&change, now())
        .map(|rule| rule.id.as_str())
        .collect();
    assert_eq!(ids, ["a"]);
}

#[test]
fn of_ten_thousand_rules_those_fire_that_match() {
    let fields = ["status", "count"].map(|name| FieldDef {
        name: name.to_owned(),
        ty: if name == "count" {
            FieldType::Int
        } else {
            FieldType::Text
        },
        nullable: true,
    });
    let m = ModelDef::new("big", fields.to_vec());
    let rules: Rules = (0..10_000)
        .map(|i| match i % 2 {
            0 => Rule::when("status")
                .eql(format!("s{}", i / 20))
                .emit_topic("order.noted", json!({})),
            _ => Rule::when("count")
                .gt(i)
                .emit_topic("order.noted", json!({})),
        })
        .collect();
    let save = Save::update(&m, &[], &[("status", text("s7")), ("count", Value::Int(6))]);
    let evaluation = save.try_evaluate(&Rules::new(), &[&rules]).unwrap();
    assert_eq!(evaluation.events.len(), 10 + 3);
}

#[test]
fn an_instant_is_compared_with_an_instant_of_another_offset() {
    let m = model();
    let rule = Rule::when("placed_at")
        .changed()
        .emit_topic("order.noted", json!({}));
    let save = Save::update(
        &m,
        &[("placed_at", at("2030-01-01T00:00:00Z"))],
        &[("placed_at", at("2030-01-01T02:00:00+02:00"))],
    );
    assert!(!save.fires(&rule));
}
