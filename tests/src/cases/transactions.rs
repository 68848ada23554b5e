//! Rolled back fires nothing, committed loses nothing.

use serde_json::json;
use uuid::Uuid;

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::{End, Failure, Need, Step};
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const TRANSACTION: &[Need] = &[Need::Transaction];
const LOCKED: &[Need] = &[Need::Transaction, Need::LockedRow];
const GOES_ON: &[Need] = &[Need::GoesOnAfterFailure];

const CASES: &[Case] = &[
    case!(a_rolled_back_update_fires_nothing).needs(TRANSACTION),
    case!(a_rolled_back_insert_fires_nothing).needs(TRANSACTION),
    case!(a_rolled_back_delete_fires_nothing).needs(TRANSACTION),
    case!(a_committed_transaction_loses_nothing).needs(TRANSACTION),
    case!(several_saves_of_a_row_fire_in_their_order).needs(LOCKED),
    case!(a_save_sees_what_the_transaction_did_before).needs(LOCKED),
    case!(a_rolled_back_savepoint_fires_nothing_when_the_rest_is_committed).needs(TRANSACTION),
    case!(a_released_savepoint_fires_with_the_rest).needs(TRANSACTION),
    case!(a_released_savepoint_fires_nothing_when_the_rest_is_rolled_back).needs(TRANSACTION),
    case!(a_failed_update_fires_nothing),
    case!(a_failed_insert_fires_nothing),
    case!(a_failed_update_in_a_savepoint_fires_nothing_and_the_rest_is_committed)
        .needs(TRANSACTION),
    case!(a_failed_update_that_is_caught_fires_nothing_and_the_rest_is_committed).needs(GOES_ON),
    case!(events_of_one_row_are_in_order),
    case!(every_event_has_an_id_of_its_own),
    case!(what_a_dead_saver_left_in_the_row_comes_first),
];

/// Transactions.
pub(super) const GROUP: Group = Group {
    name: "transactions",
    cases: CASES,
};

fn pay(order: &Order) -> Step {
    Step::Update(order.clone(), Change::of().status("paid"))
}

/// Pays, and takes the unique code of another.
fn clash(order: &Order, taken: &Order) -> Step {
    let change = Change::of().status("paid").code(taken.code.clone());
    Step::Update(order.clone(), change)
}

async fn assert_untouched(bench: &Bench, order: &Order) {
    assert_eq!(bench.topics(order).await, [""; 0]);
    assert_eq!(bench.reload(order).await, *order);
}

async fn a_rolled_back_update_fires_nothing(bench: Bench) {
    let order = bench.stored([paid()]).await;
    bench.transaction(vec![pay(&order)], End::Rollback).await;
    assert_untouched(&bench, &order).await;
}

async fn a_rolled_back_insert_fires_nothing(bench: Bench) {
    let made = json!({"field_name": "status", "operator": "not_null", "on": ["insert"]});
    let order = Order::pending([tells("made", made)]);
    let insert = vec![Step::Insert(order.clone())];
    bench.transaction(insert.clone(), End::Rollback).await;
    assert_told(&bench, &order, &[]).await;
    assert_eq!(bench.fixture.load(order.id).await, None);
    bench.transaction(insert, End::Commit).await;
    assert_told(&bench, &order, &["made"]).await;
}

async fn a_rolled_back_delete_fires_nothing(bench: Bench) {
    let gone = json!({"field_name": "status", "operator": "not_null", "on": ["delete"]});
    let order = bench.stored([tells("gone", gone)]).await;
    let delete = vec![Step::Delete(order.clone())];
    bench.transaction(delete, End::Rollback).await;
    assert_untouched(&bench, &order).await;
}

async fn a_committed_transaction_loses_nothing(bench: Bench) {
    let orders = [
        bench.stored([paid()]).await,
        bench.stored([paid()]).await,
        bench.stored([paid()]).await,
    ];
    let steps = orders.iter().map(pay).collect();
    bench.transaction(steps, End::Commit).await;
    for order in &orders {
        assert_eq!(bench.topics(order).await, ["order.paid"]);
        assert_eq!(bench.reload(order).await.status, "paid");
    }
}

async fn several_saves_of_a_row_fire_in_their_order(bench: Bench) {
    let to = |status: &str| {
        tells(
            status,
            json!({"field_name": "status", "operator": "eql", "value": status}),
        )
    };
    let order = bench
        .stored([to("paid"), to("packed"), to("shipped")])
        .await;
    let step = |status: &str| Step::Update(order.clone(), Change::of().status(status));
    let steps = vec![step("shipped"), step("paid"), step("packed"), step("paid")];
    bench.transaction(steps, End::Commit).await;
    assert_told(&bench, &order, &["shipped", "paid", "packed", "paid"]).await;
}

async fn a_save_sees_what_the_transaction_did_before(bench: Bench) {
    let order = bench.stored([paid().persistent()]).await;
    bench
        .transaction(vec![pay(&order), pay(&order)], End::Commit)
        .await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
}

async fn a_rolled_back_savepoint_fires_nothing_when_the_rest_is_committed(bench: Bench) {
    let (undone, kept) = (bench.stored([paid()]).await, bench.stored([paid()]).await);
    let savepoint = Step::Savepoint(vec![pay(&undone)], End::Rollback);
    bench
        .transaction(vec![savepoint, pay(&kept)], End::Commit)
        .await;
    assert_untouched(&bench, &undone).await;
    assert_eq!(bench.topics(&kept).await, ["order.paid"]);
}

async fn a_released_savepoint_fires_with_the_rest(bench: Bench) {
    let (inner, outer) = (bench.stored([paid()]).await, bench.stored([paid()]).await);
    let savepoint = Step::Savepoint(vec![pay(&inner)], End::Commit);
    bench
        .transaction(vec![savepoint, pay(&outer)], End::Commit)
        .await;
    for order in [inner, outer] {
        assert_eq!(bench.topics(&order).await, ["order.paid"]);
    }
}

async fn a_released_savepoint_fires_nothing_when_the_rest_is_rolled_back(bench: Bench) {
    let order = bench.stored([paid()]).await;
    let savepoint = Step::Savepoint(vec![pay(&order)], End::Commit);
    bench.transaction(vec![savepoint], End::Rollback).await;
    assert_untouched(&bench, &order).await;
}

async fn a_failed_update_fires_nothing(bench: Bench) {
    let taken = bench.stored([]).await;
    let order = bench.stored([paid()]).await;
    let failed = bench.fixture.save(clash(&order, &taken)).await;
    assert!(matches!(failed, Err(Failure::Database(_))), "{failed:?}");
    assert_untouched(&bench, &order).await;
    // The adapter is as good as before.
    bench.fixture.save(pay(&order)).await.unwrap();
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
}

async fn a_failed_insert_fires_nothing(bench: Bench) {
    let taken = bench.stored([]).await;
    let made = json!({"field_name": "status", "operator": "not_null", "on": ["insert"]});
    let order = Order {
        code: taken.code.clone(),
        ..Order::pending([tells("made", made)])
    };
    let failed = bench.fixture.save(Step::Insert(order.clone())).await;
    assert!(matches!(failed, Err(Failure::Database(_))), "{failed:?}");
    assert_told(&bench, &order, &[]).await;
}

async fn a_failed_update_in_a_savepoint_fires_nothing_and_the_rest_is_committed(bench: Bench) {
    let (taken, kept) = (bench.stored([]).await, bench.stored([paid()]).await);
    let order = bench.stored([paid()]).await;
    let savepoint = Step::Savepoint(vec![clash(&order, &taken)], End::Commit);
    let steps = vec![savepoint.caught(), pay(&kept)];
    bench.transaction(steps, End::Commit).await;
    assert_untouched(&bench, &order).await;
    assert_eq!(bench.topics(&kept).await, ["order.paid"]);
}

async fn a_failed_update_that_is_caught_fires_nothing_and_the_rest_is_committed(bench: Bench) {
    let (taken, kept) = (bench.stored([]).await, bench.stored([paid()]).await);
    let order = bench.stored([paid()]).await;
    let steps = vec![pay(&kept), clash(&order, &taken).caught()];
    bench.transaction(steps, End::Commit).await;
    assert_untouched(&bench, &order).await;
    assert_eq!(bench.topics(&kept).await, ["order.paid"]);
}

async fn events_of_one_row_are_in_order(bench: Bench) {
    let moved = json!({"field_name": "quantity", "operator": "changed"});
    let mut order = bench
        .stored([tells("first", moved.clone()), tells("second", moved)])
        .await;
    for n in 0..5 {
        order = bench
            .update(&order, Change::of().quantity(Some(100 + n)))
            .await;
    }
    assert_told(&bench, &order, &["first", "second"].repeat(5)).await;
}

async fn every_event_has_an_id_of_its_own(bench: Bench) {
    let moved = json!({"field_name": "quantity", "operator": "changed"});
    let mut order = bench
        .stored([tells("first", moved.clone()), tells("second", moved)])
        .await;
    for n in 0..3 {
        order = bench
            .update(&order, Change::of().quantity(Some(100 + n)))
            .await;
    }
    let fired = bench.fired(&order).await;
    let ids: std::collections::HashSet<_> = fired.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 6);
}

/// A save without a transaction leaves a note of what fires in the row itself; it may die before it moves that on.
async fn what_a_dead_saver_left_in_the_row_comes_first(bench: Bench) {
    let made =
        json!({"field_name": "status", "operator": "eql", "value": "pending", "on": ["insert"]});
    let pay = |order: &Order| Step::Update(order.clone(), Change::of().status("paid"));
    for left in ["events", "inserted"] {
        let order = bench.stored([]).await;
        let event = json!({"id": Uuid::now_v7(), "topic": "order.told", "version": "v1",
            "payload": {"label": "made", "told": null}, "meta": {"aggregate": format!("order:{}", order.id)}});
        let left = match left {
            "events" => json!({"id": Uuid::now_v7(), "events": [event]}),
            _ => json!({"id": Uuid::now_v7(), "inserted": {}}),
        };
        let rules = json!([{"celerysalt": {"save": left}}, tells("made", made.clone()), paid()]);
        bench.write_rules(&order, &rules.to_string()).await;
        let order = bench.reload(&order).await;
        bench.fixture.save(pay(&order)).await.unwrap();
        assert_eq!(bench.topics(&order).await, ["order.told", "order.paid"]);
        assert_eq!(bench.reload(&order).await.on_change_rules.note(), None);
    }
}
