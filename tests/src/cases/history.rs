//! What a save leaves in the table of transitions, in its own transaction.

use celerysalt::actor;
use serde_json::json;

use crate::bench::{Bench, Told};
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::{End, Need, Step};
use crate::order::{Change, paid};
use crate::tell::tells;

const HISTORY: &[Need] = &[Need::History];
const IN_TRANSACTION: &[Need] = &[Need::History, Need::Transaction];
const IN_BULK: &[Need] = &[Need::History, Need::Bulk];

const CASES: &[Case] = &[
    case!(every_change_of_the_field_is_kept).needs(HISTORY),
    case!(a_change_that_a_rule_fires_on_is_kept_once_with_its_event).needs(HISTORY),
    case!(a_row_comes_from_null_and_goes_to_null).needs(HISTORY),
    case!(what_does_not_change_is_not_kept).needs(HISTORY),
    case!(who_saved_is_kept).needs(HISTORY),
    case!(a_rolled_back_save_keeps_nothing).needs(IN_TRANSACTION),
    case!(a_bulk_save_keeps_each_row).needs(IN_BULK),
];

/// History.
pub(super) const GROUP: Group = Group {
    name: "history",
    cases: CASES,
};

fn status(to: &str) -> Change {
    Change::of().status(to)
}

fn moves(told: &[Told]) -> Vec<(Option<&str>, Option<&str>)> {
    let moves = told.iter();
    moves
        .map(|told| (told.old.as_deref(), told.new.as_deref()))
        .collect()
}

const PENDING: Option<&str> = Some("\"pending\"");
const PAID: Option<&str> = Some("\"paid\"");

async fn every_change_of_the_field_is_kept(bench: Bench) {
    let order = bench.stored([]).await;
    let order = bench.update(&order, status("paid")).await;
    let order = bench.update(&order, Change::of().vip(true)).await;
    bench.update(&order, status("pending")).await;
    let told = bench.history(&order).await;
    assert_eq!(
        moves(&told),
        [(None, PENDING), (PENDING, PAID), (PAID, PENDING)]
    );
    assert!(
        told.iter()
            .all(|told| told.field == "status" && told.rule.is_none())
    );
}

async fn a_change_that_a_rule_fires_on_is_kept_once_with_its_event(bench: Bench) {
    let order = bench.stored([paid().id("rule")]).await;
    bench.update(&order, status("paid")).await;
    let told = bench.history(&order).await;
    assert_eq!(moves(&told), [(None, PENDING), (PENDING, PAID)]);
    assert_eq!(told[1].rule.as_deref(), Some("rule"));
    assert_eq!(
        told[1].event.as_ref(),
        Some(&bench.fired(&order).await[0].id)
    );
}

async fn a_row_comes_from_null_and_goes_to_null(bench: Bench) {
    let order = bench.stored([]).await;
    bench.delete(&order).await;
    let told = bench.history(&order).await;
    assert_eq!(moves(&told), [(None, PENDING), (PENDING, None)]);
    let operations: Vec<_> = told.iter().map(|told| told.operation.as_str()).collect();
    assert_eq!(operations, ["insert", "delete"]);
}

async fn what_does_not_change_is_not_kept(bench: Bench) {
    let order = bench
        .stored([tells(
            "never",
            json!({"field_name": "vip", "operator": "changed"}),
        )])
        .await;
    let order = bench
        .update(&order, status("pending").quantity(Some(9)))
        .await;
    bench.update(&order, Change::everything(&order)).await;
    assert_eq!(bench.history(&order).await.len(), 1);
}

async fn who_saved_is_kept(bench: Bench) {
    let order = bench.stored([]).await;
    actor::scope("user:ada", bench.update(&order, status("paid"))).await;
    let told = bench.history(&order).await;
    let actors: Vec<_> = told.iter().map(|told| told.actor.as_deref()).collect();
    assert_eq!(actors, [None, Some("user:ada")]);
}

async fn a_rolled_back_save_keeps_nothing(bench: Bench) {
    let order = bench.stored([paid()]).await;
    let pay = || Step::Update(order.clone(), status("paid"));
    bench.transaction(vec![pay()], End::Rollback).await;
    let savepoint = Step::Savepoint(vec![pay()], End::Rollback);
    bench.transaction(vec![savepoint], End::Commit).await;
    assert_eq!(bench.history(&order).await.len(), 1);
}

async fn a_bulk_save_keeps_each_row(bench: Bench) {
    let orders = [bench.stored([]).await, bench.stored([paid()]).await];
    let ids = orders.iter().map(|order| order.id).collect();
    let step = Step::UpdateMany(ids, status("paid"));
    bench.fixture.save(step).await.unwrap();
    for order in &orders {
        let told = bench.history(order).await;
        assert_eq!(moves(&told), [(None, PENDING), (PENDING, PAID)]);
    }
}
