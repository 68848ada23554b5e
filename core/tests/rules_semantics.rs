//! When a rule fires: edges, `was`, guards, operations, references, rules outside of the row.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::model::{FieldDef, ModelDef, Operation};
use celerysalt::rules::{CompiledRules, Guard, Operand, Operator, Rule, Rules};
use celerysalt::value::{FieldType, Value};
use rules_support::{Save, at, dec, model, now, only, paid, row, rule, status, text};
use serde_json::{Value as Json, json};

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
fn on_insert_the_old_value_is_null() {
    let m = model();
    let save = Save::insert(&m, &status("paid"));
    let on_insert = paid().on([Operation::Insert]);
    assert!(save.fires(&on_insert));
    assert!(save.fires(&on_insert.clone().was(None::<String>)));
    let matching = |operator, value: Option<&str>| {
        save.fires(&on_insert.clone().was_matching(operator, value))
    };
    assert!(matching(Operator::IsNull, None));
    assert!(!matching(Operator::NotNull, None));
    assert!(!matching(Operator::Neq, Some("paid")));
    assert!(!save.fires(&on_insert.clone().was("paid")));
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
fn on_insert_every_field_is_changed_and_everything_old_is_null() {
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
    // As in event data, what there is not is null.
    assert!(inserted(
        json!({"field_name": "count", "operator": "neq", "value": {"old": "count"}})
    ));
    assert!(inserted(
        json!({"field_name": "count", "operator": "not_in", "value": [{"old": "count"}]})
    ));
    assert!(!inserted(
        json!({"field_name": "count", "operator": "gt", "value": {"old": "count"}})
    ));
    let guarded = |operator: &str| {
        let guard = json!({"field_name": {"old": "note"}, "operator": operator});
        inserted(json!({"field_name": "count", "operator": "not_null", "when": guard}))
    };
    assert!(guarded("is_null"));
    assert!(!guarded("not_null"));
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
