//! A process that is SIGKILLed after any statement of any save leaves the events of committed saves, and no others.

use crate::act::{Act, Form};
use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group, Place};
use crate::child;
use crate::databases::Sessions;
use crate::fixture::Need;

const BULK: &[Need] = &[Need::Bulk];

const CASES: &[Case] = &[
    case!(killed_after_every_statement_of_an_insert).at(Place::OwnDatabase),
    case!(killed_after_every_statement_of_an_update).at(Place::OwnDatabase),
    case!(killed_after_every_statement_of_an_update_that_attaches).at(Place::OwnDatabase),
    case!(killed_after_every_statement_of_a_delete).at(Place::OwnDatabase),
    case!(killed_after_every_statement_of_a_bulk_update)
        .at(Place::OwnDatabase)
        .needs(BULK),
    case!(killed_after_every_statement_of_a_bulk_delete)
        .at(Place::OwnDatabase)
        .needs(BULK),
];

/// Kills.
pub(super) const GROUP: Group = Group {
    name: "kill -9",
    cases: CASES,
};

/// No save of these sends more statements; a save that never ends would.
const MOST_STATEMENTS: u64 = 60;

async fn killed_after_every_statement_of_an_insert(bench: Bench) {
    kill_through(&bench, Act::Insert).await;
}

async fn killed_after_every_statement_of_an_update(bench: Bench) {
    kill_through(&bench, Act::Pay).await;
}

async fn killed_after_every_statement_of_an_update_that_attaches(bench: Bench) {
    kill_through(&bench, Act::AttachAndPay).await;
}

async fn killed_after_every_statement_of_a_delete(bench: Bench) {
    kill_through(&bench, Act::Delete).await;
}

async fn killed_after_every_statement_of_a_bulk_update(bench: Bench) {
    kill_through(&bench, Act::PayMany).await;
}

async fn killed_after_every_statement_of_a_bulk_delete(bench: Bench) {
    kill_through(&bench, Act::DeleteMany).await;
}

async fn kill_through(bench: &Bench, act: Act) {
    for form in [Form::Alone, Form::InTransaction] {
        if form.is_known_to(bench) {
            kill_in(bench, form, act).await;
        }
    }
}

/// Kills after every statement of an act in this form.
pub(super) async fn kill_in(bench: &Bench, form: Form, act: Act) {
    let (kills, lost) = kill_each(bench, form, act).await;
    let label = format!("{form:?} {act:?}: {kills} kills, {lost} before the commit");
    assert!(kills >= 2 && lost >= 1, "{label}");
}

/// How many kills there were, and how many of them came before the commit.
async fn kill_each(bench: &Bench, form: Form, act: Act) -> (u64, u64) {
    let mut lost = 0;
    for n in 1..MOST_STATEMENTS {
        let order = act.prepare(bench).await;
        let ours = Sessions::of(&bench.raw).await;
        let killed = child::save(bench, form, act, order.id, n).await;
        ours.until_alone(&bench.raw).await;
        let label = format!("{form:?} {act:?} killed after statement {n}");
        let committed = act.assert_whole(bench, form, &order, &label).await;
        if !killed {
            assert!(committed, "{label}: the save returned Ok and is not there");
            return (n - 1, lost);
        }
        lost += u64::from(!committed);
    }
    panic!("{form:?} {act:?} sent {MOST_STATEMENTS} statements and more");
}
