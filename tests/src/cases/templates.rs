//! What events carry: values of their types, digit by digit.

use std::sync::Arc;

use celerysalt::clock;
use celerysalt::testing::TestClock;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::order::{Change, Order};
use crate::tell::telling;

const CASES: &[Case] = &[
    case!(each_type_keeps_its_type),
    case!(decimals_keep_every_digit),
    case!(old_values_and_the_rule_stand_beside_the_new),
    case!(an_expression_in_text_is_put_into_the_text),
    case!(now_is_the_time_of_the_save),
    case!(an_event_names_its_row_and_its_rule),
];

/// Templates.
pub(super) const GROUP: Group = Group {
    name: "templates",
    cases: CASES,
};

/// What is told when the order gets paid.
async fn told(bench: &Bench, order: Order, change: Change, template: Json) -> Json {
    let keys = json!({"field_name": "status", "operator": "eql", "value": "paid"});
    let rule = telling("x", template, keys);
    let mut order = bench.insert(order).await;
    order.on_change_rules.push(rule);
    let rules = order.on_change_rules.clone();
    let change = change.status("paid").on_change_rules(rules);
    bench.update(&order, change).await;
    let fired = bench.fired(&order).await;
    assert_eq!(fired.len(), 1);
    fired[0].payload["told"].clone()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn is_instant(value: &Json, expected: &str) -> bool {
    let text = value.as_str().unwrap();
    DateTime::parse_from_rfc3339(text).unwrap() == instant(expected)
}

async fn each_type_keeps_its_type(bench: Bench) {
    let change = Change::of()
        .quantity(Some(i64::MAX))
        .weight(0.1)
        .vip(true)
        .remark(Some("Grüße \"x\" {{ y }}".to_owned()))
        .paid_at(Some(instant("2026-01-31T08:30:00.123456Z")));
    let template = json!({
        "status": "{{ status }}", "quantity": "{{ quantity }}", "weight": "{{ weight }}", "vip": "{{ vip }}",
        "remark": "{{ remark }}", "due": "{{ due }}", "id": "{{ id }}", "details": "{{ details }}",
        "sku": "{{ details.items[0].sku }}", "paid_at": "{{ paid_at }}", "literal": [1, {"a": null}],
    });
    let order = Order::pending([]);
    let id = order.id;
    let mut told = told(&bench, order, change, template).await;
    let paid_at = told.as_object_mut().unwrap().remove("paid_at").unwrap();
    assert!(
        is_instant(&paid_at, "2026-01-31T08:30:00.123456Z"),
        "{paid_at}"
    );
    let expected = json!({
        "status": "paid", "quantity": i64::MAX, "weight": 0.1, "vip": true,
        "remark": "Grüße \"x\" {{ y }}", "due": "2026-01-31", "id": id,
        "details": {"city": "Ulm", "n": 1, "items": [{"sku": "a"}]},
        "sku": "a", "literal": [1, {"a": null}],
    });
    assert_eq!(told, expected);
}

async fn decimals_keep_every_digit(bench: Bench) {
    for digits in [
        "12345678901234567890.12345678",
        "0.00000001",
        "-99.10000001",
    ] {
        let amount: Decimal = digits.parse().unwrap();
        let change = Change::of().amount(amount);
        let told = told(&bench, Order::pending([]), change, json!("{{ amount }}")).await;
        assert_eq!(told, json!(digits));
    }
}

async fn old_values_and_the_rule_stand_beside_the_new(bench: Bench) {
    let template = json!({
        "from": "{{ old.status }}", "to": "{{ status }}", "was": "{{ old.quantity }}", "rule": "{{ rule.id }}",
        "null": "{{ remark }}",
    });
    let change = Change::of().quantity(Some(6));
    let told = told(&bench, Order::pending([]), change, template).await;
    let expected = json!({"from": "pending", "to": "paid", "was": 5, "rule": "x", "null": null});
    assert_eq!(told, expected);
}

async fn an_expression_in_text_is_put_into_the_text(bench: Bench) {
    let template = json!("{{ quantity }} of {{ details.city }}");
    let told = told(&bench, Order::pending([]), Change::of(), template).await;
    assert_eq!(told, json!("5 of Ulm"));
}

async fn now_is_the_time_of_the_save(bench: Bench) {
    let at = instant("2026-03-01T00:00:00.5Z");
    let told = told(&bench, Order::pending([]), Change::of(), json!("{{ now }}"));
    let told = clock::scope(Arc::new(TestClock::at(at)), told).await;
    assert!(is_instant(&told, "2026-03-01T00:00:00.5Z"), "{told}");
}

async fn an_event_names_its_row_and_its_rule(bench: Bench) {
    let order = bench.stored([crate::order::paid().id("rule")]).await;
    bench.update(&order, Change::of().status("paid")).await;
    let fired = bench.fired(&order).await;
    assert_eq!(fired[0].meta["aggregate"], format!("order:{}", order.id));
    assert_eq!(fired[0].meta["rule_id"], "rule");
}
