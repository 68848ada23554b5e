//! A handler that takes effect once: what it did and its receipt are committed together, or neither is.

use celerysalt::inbox::{Once, Receipt};
use uuid::Uuid;

use super::concurrency::{SAVERS, all_at_once};
use super::{cutting, killing};
use crate::act::{Act, Form};
use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group, Place};
use crate::fixture::{Failure, Need, Step};
use crate::order::{Change, Order, paid};

const INBOX: &[Need] = &[Need::Inbox];

const CASES: &[Case] = &[
    case!(a_redelivery_does_not_run_the_handler).needs(INBOX),
    case!(each_handler_of_an_event_runs).needs(INBOX),
    case!(a_handler_that_fails_leaves_nothing_and_runs_again).needs(INBOX),
    case!(of_deliveries_at_once_one_runs_the_handler).needs(INBOX),
    case!(cut_off_anywhere_in_a_handler)
        .needs(INBOX)
        .at(Place::OwnProcess),
    case!(killed_after_every_statement_of_a_handler)
        .needs(INBOX)
        .at(Place::OwnDatabase),
];

/// The inbox.
pub(super) const GROUP: Group = Group {
    name: "inbox",
    cases: CASES,
};

fn receipt() -> Receipt {
    Receipt::new(Uuid::now_v7(), "shop::pay")
}

fn pay(order: &Order) -> Step {
    Step::Update(order.clone(), Change::of().status("paid"))
}

/// What cannot be done twice.
fn insert_another() -> Step {
    Step::Insert(Order::pending([]))
}

async fn a_redelivery_does_not_run_the_handler(bench: Bench) {
    let (order, receipt) = (bench.stored([paid()]).await, receipt());
    let steps = vec![insert_another(), pay(&order)];
    let first = bench.fixture.once(&receipt, steps.clone()).await;
    assert_eq!(first, Ok(Once::Done(())));
    for _ in 0..2 {
        let again = bench.fixture.once(&receipt, steps.clone()).await;
        assert_eq!(again, Ok(Once::Seen));
    }
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert_eq!(bench.receipts(receipt.event_id()).await, 1);
}

async fn each_handler_of_an_event_runs(bench: Bench) {
    let (order, receipt) = (bench.stored([paid()]).await, receipt());
    let other = Receipt::new(receipt.event_id(), "shop::count");
    for receipt in [&other, &receipt] {
        let done = bench.fixture.once(receipt, vec![pay(&order)]).await;
        assert_eq!(done, Ok(Once::Done(())));
    }
    assert_eq!(bench.receipts(receipt.event_id()).await, 2);
}

async fn a_handler_that_fails_leaves_nothing_and_runs_again(bench: Bench) {
    let (order, receipt) = (bench.stored([paid()]).await, receipt());
    let clash = Step::Insert(Order {
        code: order.code.clone(),
        ..Order::pending([])
    });
    let failed = bench.fixture.once(&receipt, vec![pay(&order), clash]).await;
    assert!(matches!(failed, Err(Failure::Database(_))), "{failed:?}");
    assert_eq!(bench.reload(&order).await, order);
    assert_eq!(bench.topics(&order).await, [""; 0]);
    assert_eq!(bench.receipts(receipt.event_id()).await, 0);
    let again = bench.fixture.once(&receipt, vec![pay(&order)]).await;
    assert_eq!(again, Ok(Once::Done(())));
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert_eq!(bench.receipts(receipt.event_id()).await, 1);
}

async fn of_deliveries_at_once_one_runs_the_handler(bench: Bench) {
    let (order, receipt) = (bench.stored([paid()]).await, receipt());
    let steps = vec![insert_another(), pay(&order)];
    let ends = all_at_once(&bench, |_| bench.fixture.once(&receipt, steps.clone()));
    let count = |end| ends.iter().filter(|found| **found == Ok(end)).count();
    let (done, seen) = (count(Once::Done(())), count(Once::Seen));
    assert_eq!((done, seen), (1, SAVERS - 1), "{ends:?}");
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert_eq!(bench.receipts(receipt.event_id()).await, 1);
}

async fn cut_off_anywhere_in_a_handler(bench: Bench) {
    cutting::cut_in(&bench, Form::InHandler, Act::Pay).await;
}

async fn killed_after_every_statement_of_a_handler(bench: Bench) {
    killing::kill_in(&bench, Form::InHandler, Act::Pay).await;
}
