//! Bulk saves fire and leave behind what a loop of single saves would.

use celerysalt::rules::Rule;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::concurrency::{all_saved, at_once};
use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::{CHUNK, End, Failure, Need, Step};
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const BULK: &[Need] = &[Need::Bulk];

const CASES: &[Case] = &[
    case!(a_bulk_update_equals_single_updates).needs(BULK),
    case!(a_bulk_delete_equals_single_deletes).needs(BULK),
    case!(a_bulk_save_leaves_other_rows_alone).needs(BULK),
    case!(a_rolled_back_bulk_save_fires_nothing).needs(BULK),
    case!(a_bulk_save_that_fails_fires_nothing).needs(BULK),
    case!(bulk_saves_of_the_same_rows_at_once_fire_once).needs(BULK),
];

/// Bulk saves.
pub(super) const GROUP: Group = Group {
    name: "bulk",
    cases: CASES,
};

/// More than a chunk, and not a whole number of chunks.
const ROWS: usize = 2 * CHUNK + 1;

/// The rules of row `n`: each row in its own way.
fn rules(n: usize) -> Vec<Rule> {
    let is_paid = json!({"field_name": "status", "operator": "eql", "value": "paid"});
    let vip = json!({"field_name": "vip", "operator": "eql", "value": true});
    let mut guarded = is_paid.clone();
    guarded["when"] = vip;
    let gone = json!({"field_name": "status", "operator": "not_null", "on": ["delete"]});
    let mut once = tells("once", is_paid.clone());
    once.persist = false;
    let all = [
        once,
        tells("stays", is_paid),
        tells("guarded", guarded),
        tells("gone", gone),
    ];
    let some = all.into_iter().enumerate();
    some.filter(|(at, _)| n & (1 << at) == 0 || *at == 3)
        .map(|(_, rule)| rule)
        .collect()
}

/// Rows of every kind.
async fn rows(bench: &Bench) -> Vec<Order> {
    let mut rows = Vec::new();
    for n in 0..ROWS {
        let order = Order {
            vip: n % 2 == 0,
            ..Order::pending(rules(n))
        };
        rows.push(bench.insert(order).await);
    }
    rows
}

fn ids(rows: &[Order]) -> Vec<Uuid> {
    rows.iter().map(|order| order.id).collect()
}

/// What became of a row, without what tells it from its twin.
async fn outcome(bench: &Bench, row: &Order) -> (Option<Order>, Vec<Json>) {
    let now = bench.fixture.load(row.id).await;
    let now = now.map(|order| Order {
        id: Uuid::nil(),
        code: String::new(),
        ..order
    });
    let fired = bench.fired(row).await;
    let told =
        |event: crate::bench::Fired| json!([event.topic, event.payload, event.meta["rule_id"]]);
    (now, fired.into_iter().map(told).collect())
}

async fn assert_twins(bench: &Bench, many: &[Order], single: &[Order]) {
    let mut events = 0;
    for (one, other) in many.iter().zip(single) {
        let (one, other) = (outcome(bench, one).await, outcome(bench, other).await);
        assert_eq!(one, other);
        events += one.1.len();
    }
    assert!(events > ROWS / 2, "only {events} events");
}

async fn a_bulk_update_equals_single_updates(bench: Bench) {
    let (many, single) = (rows(&bench).await, rows(&bench).await);
    let change = Change::of().status("paid").quantity(Some(7));
    let step = Step::UpdateMany(ids(&many), change.clone());
    bench.fixture.save(step).await.unwrap();
    for order in &single {
        bench.update(order, change.clone()).await;
    }
    assert_twins(&bench, &many, &single).await;
}

async fn a_bulk_delete_equals_single_deletes(bench: Bench) {
    let (many, single) = (rows(&bench).await, rows(&bench).await);
    bench
        .fixture
        .save(Step::DeleteMany(ids(&many)))
        .await
        .unwrap();
    for order in &single {
        bench.delete(order).await;
    }
    assert_twins(&bench, &many, &single).await;
}

async fn a_bulk_save_leaves_other_rows_alone(bench: Bench) {
    let other = bench.stored([paid()]).await;
    let some = rows(&bench).await;
    let change = Change::of().status("paid");
    let steps = vec![
        Step::UpdateMany(ids(&some), change),
        Step::DeleteMany(ids(&some)),
    ];
    for step in steps {
        bench.fixture.save(step).await.unwrap();
    }
    assert_eq!(bench.reload(&other).await, other);
    assert_eq!(bench.topics(&other).await, [""; 0]);
}

async fn assert_untouched(bench: &Bench, rows: &[Order]) {
    for row in rows {
        assert_told(bench, row, &[]).await;
        assert_eq!(bench.reload(row).await, *row);
    }
}

async fn a_rolled_back_bulk_save_fires_nothing(bench: Bench) {
    let rows = rows(&bench).await;
    let pay = Step::UpdateMany(ids(&rows), Change::of().status("paid"));
    bench.transaction(vec![pay], End::Rollback).await;
    bench
        .transaction(vec![Step::DeleteMany(ids(&rows))], End::Rollback)
        .await;
    assert_untouched(&bench, &rows).await;
}

async fn a_bulk_save_that_fails_fires_nothing(bench: Bench) {
    // The first row keeps its own code; another cannot have it.
    let rows = rows(&bench).await;
    let clash = Change::of().status("paid").code(rows[0].code.clone());
    let failed = bench
        .fixture
        .save(Step::UpdateMany(ids(&rows), clash))
        .await;
    assert!(matches!(failed, Err(Failure::Database(_))), "{failed:?}");
    assert_untouched(&bench, &rows).await;
}

async fn bulk_saves_of_the_same_rows_at_once_fire_once(bench: Bench) {
    let mut rows = Vec::new();
    for _ in 0..ROWS {
        rows.push(bench.stored([paid().persistent()]).await);
    }
    let pay = |_| Step::UpdateMany(ids(&rows), Change::of().status("paid"));
    all_saved(at_once(&bench, pay));
    for row in &rows {
        assert_eq!(bench.topics(row).await, ["order.paid"]);
    }
}
