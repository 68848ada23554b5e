//! When a rule fires: edges, the old value, guards, operations, once or for ever, enabled, expiry.

use std::sync::Arc;

use celerysalt::clock;
use celerysalt::testing::TestClock;
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const CASES: &[Case] = &[
    case!(a_change_to_a_satisfying_value_fires),
    case!(a_change_to_another_value_does_not_fire),
    case!(enter_fires_when_it_did_not_hold_before),
    case!(level_fires_at_every_save_that_finds_it_so),
    case!(was_asks_for_the_old_value),
    case!(a_guard_looks_at_the_new_row),
    case!(a_guard_looks_at_the_old_row),
    case!(guards_nest),
    case!(an_insert_changes_every_field),
    case!(an_insert_has_no_old_row),
    case!(a_delete_fires_of_the_row_that_goes),
    case!(a_rule_names_its_operations),
    case!(a_one_time_rule_is_gone_when_it_fired),
    case!(a_persistent_rule_fires_again),
    case!(a_rule_that_is_not_enabled_does_not_fire_and_stays),
    case!(an_expired_rule_does_not_fire_and_stays),
    case!(every_rule_that_holds_fires_in_the_order_of_the_column),
];

/// When a rule fires.
pub(super) const GROUP: Group = Group {
    name: "firing",
    cases: CASES,
};

fn is_paid() -> Json {
    json!({"field_name": "status", "operator": "eql", "value": "paid"})
}

fn with(mut rule: Json, key: &str, value: Json) -> Json {
    rule[key] = value;
    rule
}

fn status(to: &str) -> Change {
    Change::of().status(to)
}

async fn a_change_to_a_satisfying_value_fires(bench: Bench) {
    let order = bench.stored([tells("paid", is_paid())]).await;
    bench.update(&order, status("paid")).await;
    let fired = bench.fired(&order).await;
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].topic, "order.told");
    assert_eq!(fired[0].meta["rule_id"], "paid");
}

async fn a_change_to_another_value_does_not_fire(bench: Bench) {
    let order = bench.stored([tells("paid", is_paid())]).await;
    bench.update(&order, status("shipped")).await;
    assert_told(&bench, &order, &[]).await;
}

async fn enter_fires_when_it_did_not_hold_before(bench: Bench) {
    let large = json!({"field_name": "amount", "operator": "gt", "value": "100", "edge": "enter"});
    let change = with(large.clone(), "edge", json!("change"));
    let order = bench
        .stored([tells("enter", large), tells("change", change)])
        .await;
    let order = bench.update(&order, amount("150")).await;
    assert_told(&bench, &order, &["enter", "change"]).await;
    // It holds on: only the field changes.
    let order = bench.update(&order, amount("200")).await;
    assert_told(&bench, &order, &["enter", "change", "change"]).await;
    let order = bench.update(&order, amount("50")).await;
    bench.update(&order, amount("101")).await;
    let all = ["enter", "change", "change", "enter", "change"];
    assert_told(&bench, &order, &all).await;
}

fn amount(digits: &str) -> Change {
    Change::of().amount(digits.parse::<rust_decimal::Decimal>().unwrap())
}

async fn level_fires_at_every_save_that_finds_it_so(bench: Bench) {
    let level = with(is_paid(), "edge", json!("level"));
    let order = bench.stored([tells("level", level)]).await;
    bench.update(&order, status("paid")).await;
    let order = bench.reload(&order).await;
    let order = bench.update(&order, Change::of().vip(true)).await;
    bench.update(&order, status("shipped")).await;
    assert_told(&bench, &order, &["level", "level"]).await;
}

async fn was_asks_for_the_old_value(bench: Bench) {
    let order = bench
        .stored([
            tells("equals", with(is_paid(), "was", json!("pending"))),
            tells("other", with(is_paid(), "was", json!("shipped"))),
            tells(
                "matches",
                with(
                    is_paid(),
                    "was",
                    json!({"operator": "starts_with", "value": "pen"}),
                ),
            ),
        ])
        .await;
    bench.update(&order, status("paid")).await;
    assert_told(&bench, &order, &["equals", "matches"]).await;
}

async fn a_guard_looks_at_the_new_row(bench: Bench) {
    let vip = json!({"field_name": "vip", "operator": "eql", "value": true});
    let order = bench
        .stored([tells("vip", with(is_paid(), "when", vip))])
        .await;
    bench.update(&order, status("paid")).await;
    assert_told(&bench, &order, &[]).await;
    let order = bench.reload(&order).await;
    let order = bench.update(&order, status("pending")).await;
    // Both in one save.
    bench.update(&order, status("paid").vip(true)).await;
    assert_told(&bench, &order, &["vip"]).await;
}

async fn a_guard_looks_at_the_old_row(bench: Bench) {
    let guard =
        |value: &str| json!({"field_name": {"old": "amount"}, "operator": "lt", "value": value});
    let order = bench
        .stored([
            tells("less", with(is_paid(), "when", guard("100"))),
            tells("not-less", with(is_paid(), "when", guard("99"))),
        ])
        .await;
    let change = Change {
        amount: amount("500").amount,
        ..status("paid")
    };
    bench.update(&order, change).await;
    assert_told(&bench, &order, &["less"]).await;
}

async fn guards_nest(bench: Bench) {
    let vip = json!({"field_name": "vip", "operator": "eql", "value": true});
    let large = json!({"field_name": "amount", "operator": "gt", "value": "100"});
    let few = json!({"field_name": "quantity", "operator": "lt", "value": 10});
    let both = json!({"all": [{"not": vip}, {"any": [large, few]}]});
    let none = json!({"not": both});
    let order = bench
        .stored([
            tells("both", with(is_paid(), "when", both)),
            tells("none", with(is_paid(), "when", none)),
        ])
        .await;
    bench.update(&order, status("paid")).await;
    assert_told(&bench, &order, &["both"]).await;
}

async fn an_insert_changes_every_field(bench: Bench) {
    let on_insert = json!({"field_name": "amount", "operator": "changed", "on": ["insert"]});
    let null = json!({"field_name": "remark", "operator": "is_null", "on": ["insert"]});
    let order = bench
        .stored([
            tells("amount", on_insert),
            tells("null", null),
            tells("paid", with(is_paid(), "on", json!(["insert"]))),
        ])
        .await;
    assert_told(&bench, &order, &["amount", "null"]).await;
}

async fn an_insert_has_no_old_row(bench: Bench) {
    let pending = json!({
        "field_name": "status", "operator": "eql", "value": "pending", "on": ["insert"], "edge": "enter",
    });
    let old = json!({"field_name": {"old": "status"}, "operator": "is_null"});
    let order = bench
        .stored([
            tells("enter", pending.clone()),
            tells("was", with(pending.clone(), "was", Json::Null)),
            tells("old", with(pending, "when", old)),
        ])
        .await;
    assert_told(&bench, &order, &["enter", "was", "old"]).await;
}

async fn a_delete_fires_of_the_row_that_goes(bench: Bench) {
    let gone =
        json!({"field_name": "status", "operator": "eql", "value": "paid", "on": ["delete"]});
    let order = bench
        .stored([tells("gone", gone), tells("paid", is_paid())])
        .await;
    let order = bench.update(&order, status("paid")).await;
    assert_told(&bench, &order, &["paid"]).await;
    bench.delete(&order).await;
    assert_told(&bench, &order, &["paid", "gone"]).await;
    assert_eq!(bench.fixture.load(order.id).await, None);
}

async fn a_rule_names_its_operations(bench: Bench) {
    let on = |operations: Json| json!({"field_name": "status", "operator": "not_null", "on": operations, "edge": "level"});
    let order = bench
        .stored([
            tells("insert", on(json!(["insert"]))),
            tells("update", on(json!(["update"]))),
            tells("delete", on(json!(["delete"]))),
            tells("ends", on(json!(["insert", "delete"]))),
        ])
        .await;
    assert_told(&bench, &order, &["insert", "ends"]).await;
    let order = bench.update(&order, status("paid")).await;
    assert_told(&bench, &order, &["insert", "ends", "update"]).await;
    bench.delete(&order).await;
    assert_told(
        &bench,
        &order,
        &["insert", "ends", "update", "delete", "ends"],
    )
    .await;
}

async fn a_one_time_rule_is_gone_when_it_fired(bench: Bench) {
    let order = bench.stored([paid().id("once")]).await;
    let order = bench.update(&order, status("paid")).await;
    assert_eq!(bench.rules_text(&order).await, "[]");
    assert!(order.on_change_rules.is_empty());
    let order = bench.update(&order, status("pending")).await;
    bench.update(&order, status("paid")).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
}

async fn a_persistent_rule_fires_again(bench: Bench) {
    let order = bench.stored([paid().persistent()]).await;
    let before = bench.rules_text(&order).await;
    for to in ["paid", "pending", "paid"] {
        let now = bench.reload(&order).await;
        bench.update(&now, status(to)).await;
    }
    assert_eq!(bench.topics(&order).await, ["order.paid", "order.paid"]);
    assert_eq!(bench.rules_text(&order).await, before);
}

async fn a_rule_that_is_not_enabled_does_not_fire_and_stays(bench: Bench) {
    let mut off = paid();
    off.enabled = false;
    let order = bench.stored([off]).await;
    let order = bench.update(&order, status("paid")).await;
    assert_eq!(bench.topics(&order).await, [""; 0]);
    assert_eq!(order.on_change_rules.len(), 1);
}

async fn an_expired_rule_does_not_fire_and_stays(bench: Bench) {
    let ends: DateTime<Utc> = "2026-01-01T12:00:00Z".parse().unwrap();
    let mut rule = paid();
    rule.expires_at = Some(ends);
    let order = bench.stored([rule]).await;
    let at = |at, order: Order, to: &'static str| {
        let bench = bench.clone();
        let save = async move { bench.update(&order, status(to)).await };
        clock::scope(Arc::new(TestClock::at(at)), save)
    };
    let order = at(ends, order, "paid").await;
    assert_eq!(bench.topics(&order).await, [""; 0]);
    assert_eq!(order.on_change_rules.len(), 1);
    let before = ends - chrono::TimeDelta::milliseconds(1);
    let order = at(before, order, "pending").await;
    let order = at(before, order, "paid").await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert!(order.on_change_rules.is_empty());
}

async fn every_rule_that_holds_fires_in_the_order_of_the_column(bench: Bench) {
    let names: Vec<String> = (1..=9).map(|n| format!("rule-{n}")).collect();
    let order = bench
        .stored(names.iter().map(|name| tells(name, is_paid())))
        .await;
    bench.update(&order, status("paid")).await;
    let expected: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_told(&bench, &order, &expected).await;
}
