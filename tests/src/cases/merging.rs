//! The rules column is merged by rule id: no rule comes back, none is lost; editing it fires nothing.

use celerysalt::rules::{Rule, Rules};
use serde_json::json;

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::Need;
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const LOCKED: &[Need] = &[Need::LockedRow];

const CASES: &[Case] = &[
    case!(a_spent_rule_is_not_revived).needs(LOCKED),
    case!(a_spent_rule_is_not_revived_by_one_who_writes_everything).needs(LOCKED),
    case!(a_rule_attached_meanwhile_is_not_lost).needs(LOCKED),
    case!(both_at_once).needs(LOCKED),
    case!(an_edit_of_a_rule_that_is_gone_does_not_revive_it).needs(LOCKED),
    case!(what_the_caller_removes_is_gone),
    case!(what_the_caller_clears_is_gone),
    case!(what_was_attached_meanwhile_is_not_cleared).needs(LOCKED),
    case!(rules_that_were_never_loaded_take_none_away).needs(LOCKED),
    case!(what_the_caller_edits_is_edited),
    case!(the_rules_column_alone_fires_nothing),
    case!(the_rules_column_alone_fires_no_level_rule).needs(LOCKED),
    case!(a_rule_attached_in_the_save_fires),
    case!(a_rule_removed_in_the_save_does_not_fire),
    case!(rules_in_another_order_of_keys_and_numbers_stay_as_they_are),
];

/// Merges.
pub(super) const GROUP: Group = Group {
    name: "merging",
    cases: CASES,
};

/// What writes the rules of this copy.
fn rules_of(order: &Order) -> Change {
    Change::of().on_change_rules(order.on_change_rules.clone())
}

fn remembered(id: &str) -> Rule {
    tells(id, json!({"field_name": "remark", "operator": "changed"}))
}

fn ids(order: &Order) -> Vec<&str> {
    let ids = order.on_change_rules.iter().map(|rule| rule.id.as_str());
    ids.collect()
}

fn status(to: &str) -> Change {
    Change::of().status(to)
}

async fn a_spent_rule_is_not_revived(bench: Bench) {
    let mut stale = bench.stored([paid().id("paid")]).await;
    bench.update(&stale, status("paid")).await;
    stale.on_change_rules.push(remembered("mine"));
    let now = bench.update(&stale, rules_of(&stale)).await;
    assert_eq!(ids(&now), ["mine"]);
}

async fn a_spent_rule_is_not_revived_by_one_who_writes_everything(bench: Bench) {
    let stale = bench.stored([paid().id("paid"), remembered("other")]).await;
    bench.update(&stale, status("paid")).await;
    let now = bench.update(&stale, Change::everything(&stale)).await;
    assert_eq!(ids(&now), ["other"]);
    // The status went back with everything else; the rule is gone, so paying again tells nothing.
    assert_eq!(now.status, "pending");
    bench.update(&now, status("paid")).await;
    assert_eq!(bench.topics(&now).await, ["order.paid"]);
}

async fn a_rule_attached_meanwhile_is_not_lost(bench: Bench) {
    let mut stale = bench.stored([remembered("first")]).await;
    let mut other = stale.clone();
    other.on_change_rules.push(remembered("theirs"));
    bench.update(&other, rules_of(&other)).await;
    stale.on_change_rules.push(remembered("mine"));
    let now = bench.update(&stale, rules_of(&stale)).await;
    assert_eq!(ids(&now), ["first", "theirs", "mine"]);
}

async fn both_at_once(bench: Bench) {
    let mut stale = bench
        .stored([paid().id("paid"), remembered("kept"), remembered("dropped")])
        .await;
    let mut other = bench.update(&stale, status("paid")).await;
    other.on_change_rules.push(remembered("theirs"));
    bench.update(&other, rules_of(&other)).await;
    stale.on_change_rules.remove("dropped").unwrap();
    stale.on_change_rules.push(remembered("mine"));
    let now = bench.update(&stale, Change::everything(&stale)).await;
    assert_eq!(ids(&now), ["kept", "theirs", "mine"]);
}

async fn an_edit_of_a_rule_that_is_gone_does_not_revive_it(bench: Bench) {
    let mut stale = bench.stored([paid().id("paid")]).await;
    bench.update(&stale, status("paid")).await;
    stale.on_change_rules.get_mut("paid").unwrap().persist = true;
    let now = bench.update(&stale, rules_of(&stale)).await;
    assert_eq!(ids(&now), [""; 0]);
}

async fn what_the_caller_removes_is_gone(bench: Bench) {
    let mut order = bench.stored([remembered("a"), remembered("b")]).await;
    order.on_change_rules.remove("a").unwrap();
    let now = bench.update(&order, rules_of(&order)).await;
    assert_eq!(ids(&now), ["b"]);
}

async fn what_the_caller_clears_is_gone(bench: Bench) {
    let loaded = bench.stored([remembered("a"), paid().id("b")]).await;
    let mut order = loaded.clone();
    order.on_change_rules.clear();
    let now = bench.update(&loaded, rules_of(&order)).await;
    assert_eq!(ids(&now), [""; 0]);
    // Cleared and filled anew.
    let loaded = bench.stored([remembered("a"), remembered("b")]).await;
    let mut order = loaded.clone();
    order.on_change_rules.clear();
    let anew = [remembered("c"), paid().id("b")];
    order.on_change_rules.extend(anew);
    let now = bench.update(&loaded, Change::everything(&order)).await;
    assert_eq!(ids(&now), ["b", "c"]);
    let now = bench.update(&now, status("paid")).await;
    assert_eq!(bench.topics(&now).await, ["order.paid"]);
}

async fn what_was_attached_meanwhile_is_not_cleared(bench: Bench) {
    let mut stale = bench.stored([remembered("a"), remembered("b")]).await;
    let mut other = stale.clone();
    other.on_change_rules.push(remembered("theirs"));
    bench.update(&other, rules_of(&other)).await;
    stale.on_change_rules.clear();
    let now = bench.update(&stale, Change::everything(&stale)).await;
    assert_eq!(ids(&now), ["theirs"]);
}

async fn rules_that_were_never_loaded_take_none_away(bench: Bench) {
    let order = bench.stored([remembered("a"), remembered("b")]).await;
    let none = Change::of().on_change_rules(Rules::new());
    let now = bench.update(&order, none).await;
    assert_eq!(ids(&now), ["a", "b"]);
    // They add, and replace the rule of an id that is there; a row that was replaced as a whole is no other matter.
    let own = Rules::from(vec![paid().id("b"), remembered("mine")]);
    let everything = Change::everything(&now).on_change_rules(own);
    let now = bench.update(&now, everything).await;
    assert_eq!(ids(&now), ["a", "b", "mine"]);
    let now = bench.update(&now, status("paid")).await;
    assert_eq!(bench.topics(&now).await, ["order.paid"]);
    assert_eq!(ids(&now), ["a", "mine"]);
}

async fn what_the_caller_edits_is_edited(bench: Bench) {
    let mut order = bench.stored([paid().id("paid")]).await;
    order.on_change_rules.get_mut("paid").unwrap().persist = true;
    let order = bench.update(&order, rules_of(&order)).await;
    let now = bench.update(&order, status("paid")).await;
    assert_eq!(bench.topics(&now).await, ["order.paid"]);
    assert_eq!(ids(&now), ["paid"]);
}

async fn the_rules_column_alone_fires_nothing(bench: Bench) {
    let mut order = bench.stored([]).await;
    let pending = json!({"field_name": "status", "operator": "eql", "value": "pending"});
    order.on_change_rules.push(tells("pending", pending));
    order.on_change_rules.push(paid());
    let now = bench.update(&order, rules_of(&order)).await;
    assert_eq!(bench.topics(&order).await, [""; 0]);
    assert_eq!(now.on_change_rules.len(), 2);
}

async fn the_rules_column_alone_fires_no_level_rule(bench: Bench) {
    let mut order = bench.stored([]).await;
    let level =
        json!({"field_name": "status", "operator": "eql", "value": "pending", "edge": "level"});
    order.on_change_rules.push(tells("level", level));
    let mut order = bench.update(&order, rules_of(&order)).await;
    order.on_change_rules.push(remembered("another"));
    let now = bench.update(&order, rules_of(&order)).await;
    assert_eq!(bench.topics(&order).await, [""; 0]);
    // A save that does change something is another matter.
    bench.update(&now, Change::of().vip(true)).await;
    assert_told(&bench, &order, &["level"]).await;
}

async fn a_rule_attached_in_the_save_fires(bench: Bench) {
    let mut order = bench.stored([]).await;
    order.on_change_rules.push(paid());
    let change = Change {
        on_change_rules: rules_of(&order).on_change_rules,
        ..status("paid")
    };
    let now = bench.update(&order, change).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert!(now.on_change_rules.is_empty());
}

async fn a_rule_removed_in_the_save_does_not_fire(bench: Bench) {
    let mut order = bench.stored([paid().id("paid")]).await;
    order.on_change_rules.remove("paid").unwrap();
    let change = Change {
        on_change_rules: rules_of(&order).on_change_rules,
        ..status("paid")
    };
    bench.update(&order, change).await;
    assert_eq!(bench.topics(&order).await, [""; 0]);
}

async fn rules_in_another_order_of_keys_and_numbers_stay_as_they_are(bench: Bench) {
    let order = bench.stored([]).await;
    let text = r#"[{"value": 12345678901234567890.123, "operator": "gt", "field_name": "amount",
        "event_class": "order.told", "event_data": {"label": "wide", "told": null}, "id": "wide"}]"#;
    bench.write_rules(&order, text).await;
    let mut order = bench.reload(&order).await;
    order.on_change_rules.push(remembered("mine"));
    let now: Order = bench.update(&order, rules_of(&order)).await;
    let rules: &Rules = &now.on_change_rules;
    let wide = rules.get("wide").unwrap().value.to_value().to_string();
    assert_eq!(wide.trim_matches('"'), "12345678901234567890.123");
    assert_eq!(rules.len(), 2);
}
