//! The old row is the database's, and what is not written or written as it was is unchanged.

use serde_json::json;

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::{Failure, Need};
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const LOCKED: &[Need] = &[Need::LockedRow];

const CASES: &[Case] = &[
    case!(what_a_stale_caller_remembers_counts_for_nothing).needs(LOCKED),
    case!(a_stale_caller_does_not_fire_a_transition_twice).needs(LOCKED),
    case!(a_field_that_is_not_written_is_the_databases).needs(LOCKED),
    case!(a_field_that_is_not_written_is_unchanged),
    case!(the_same_value_again_changes_nothing),
    case!(a_delete_tells_of_the_databases_row).needs(LOCKED),
    case!(an_update_of_a_row_that_is_gone_fires_nothing),
    case!(a_second_delete_fires_nothing).needs(LOCKED),
];

/// Old rows.
pub(super) const GROUP: Group = Group {
    name: "old row",
    cases: CASES,
};

fn status(to: &str) -> Change {
    Change::of().status(to)
}

async fn what_a_stale_caller_remembers_counts_for_nothing(bench: Bench) {
    let was = |label: &str, was: &str| {
        tells(
            label,
            json!({"field_name": "status", "operator": "eql", "value": "paid", "was": was}),
        )
    };
    let stale = bench
        .stored([was("pending", "pending"), was("shipped", "shipped")])
        .await;
    bench.update(&stale, status("shipped")).await;
    bench.update(&stale, status("paid")).await;
    assert_told(&bench, &stale, &["shipped"]).await;
}

async fn a_stale_caller_does_not_fire_a_transition_twice(bench: Bench) {
    let stale = bench.stored([paid().persistent()]).await;
    bench.update(&stale, status("paid")).await;
    // It remembers a pending order.
    bench.update(&stale, status("paid")).await;
    assert_eq!(bench.topics(&stale).await, ["order.paid"]);
}

async fn a_field_that_is_not_written_is_the_databases(bench: Bench) {
    let stale = bench.stored([paid()]).await;
    let dearer = Change::of().amount(rust_decimal::Decimal::new(15_000, 2));
    bench.update(&stale, dearer).await;
    bench.update(&stale, status("paid")).await;
    let fired = bench.fired(&stale).await;
    let amount: rust_decimal::Decimal =
        serde_json::from_value(fired[0].payload["amount"].clone()).unwrap();
    assert_eq!(amount, rust_decimal::Decimal::from(150));
}

async fn a_field_that_is_not_written_is_unchanged(bench: Bench) {
    let pending = json!({"field_name": "status", "operator": "eql", "value": "pending"});
    let amount = json!({"field_name": "amount", "operator": "changed"});
    let order = bench
        .stored([tells("pending", pending), tells("amount", amount)])
        .await;
    bench.update(&order, Change::of().vip(true)).await;
    assert_told(&bench, &order, &[]).await;
}

async fn the_same_value_again_changes_nothing(bench: Bench) {
    let order = bench.stored([paid().persistent()]).await;
    let order = bench.update(&order, status("paid")).await;
    let order = bench.update(&order, status("paid")).await;
    bench.update(&order, Change::everything(&order)).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
}

async fn a_delete_tells_of_the_databases_row(bench: Bench) {
    let gone =
        json!({"field_name": "status", "operator": "eql", "value": "paid", "on": ["delete"]});
    let stale = bench.stored([tells("paid", gone)]).await;
    bench.update(&stale, status("paid")).await;
    bench.delete(&stale).await;
    assert_told(&bench, &stale, &["paid"]).await;
}

async fn an_update_of_a_row_that_is_gone_fires_nothing(bench: Bench) {
    let order = bench.stored([paid()]).await;
    bench.delete(&order).await;
    let missing = bench.try_update(&order, status("paid")).await;
    assert_eq!(missing, Err(Failure::NotFound));
    assert_eq!(bench.topics(&order).await, [""; 0]);
}

async fn a_second_delete_fires_nothing(bench: Bench) {
    let gone = json!({"field_name": "status", "operator": "not_null", "on": ["delete"]});
    let order: Order = bench.stored([tells("gone", gone)]).await;
    bench.delete(&order).await;
    bench.delete(&order).await;
    assert_told(&bench, &order, &["gone"]).await;
}
