//! A save that is cut off (its future is dropped where it waits, or it unwinds from a statement) is there with its
//! events, or neither is; so is a caller's transaction.

use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::act::{Act, Form};
use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group, Place};
use crate::databases::{Kind, Sessions};
use crate::fixture::{Failure, Need};

const BULK: &[Need] = &[Need::Bulk];

const CASES: &[Case] = &[
    case!(cut_off_anywhere_in_an_insert).at(Place::OwnProcess),
    case!(cut_off_anywhere_in_an_update).at(Place::OwnProcess),
    case!(cut_off_anywhere_in_an_update_that_attaches).at(Place::OwnProcess),
    case!(cut_off_anywhere_in_a_delete).at(Place::OwnProcess),
    case!(cut_off_anywhere_in_a_bulk_update)
        .at(Place::OwnProcess)
        .needs(BULK),
    case!(cut_off_anywhere_in_a_bulk_delete)
        .at(Place::OwnProcess)
        .needs(BULK),
];

/// Cuts.
pub(super) const GROUP: Group = Group {
    name: "cut off",
    cases: CASES,
};

/// No save of these waits more often; a save that never ends would.
const MOST_PLACES: u64 = 200;

async fn cut_off_anywhere_in_an_insert(bench: Bench) {
    cut_through(&bench, Act::Insert).await;
}

async fn cut_off_anywhere_in_an_update(bench: Bench) {
    cut_through(&bench, Act::Pay).await;
}

async fn cut_off_anywhere_in_an_update_that_attaches(bench: Bench) {
    cut_through(&bench, Act::AttachAndPay).await;
}

async fn cut_off_anywhere_in_a_delete(bench: Bench) {
    cut_through(&bench, Act::Delete).await;
}

async fn cut_off_anywhere_in_a_bulk_update(bench: Bench) {
    cut_through(&bench, Act::PayMany).await;
}

async fn cut_off_anywhere_in_a_bulk_delete(bench: Bench) {
    cut_through(&bench, Act::DeleteMany).await;
}

async fn cut_through(bench: &Bench, act: Act) {
    for form in [Form::Alone, Form::InTransaction] {
        if form.is_known_to(bench) {
            cut_in(bench, form, act).await;
        }
    }
}

/// Cuts an act in this form off wherever it waits.
pub(super) async fn cut_in(bench: &Bench, form: Form, act: Act) {
    let cuts = cut_each(bench, form, act).await;
    assert!(cuts >= 1, "{form:?} {act:?} was never cut");
}

/// Cuts a save off at one place after another, until there is none that it has not been cut off at; how many there were.
async fn cut_each(bench: &Bench, form: Form, act: Act) -> u64 {
    let (mut cuts, mut missed) = (0, 0);
    while missed < patience(bench, cuts) {
        let place = cuts + 1;
        assert!(place < MOST_PLACES, "{form:?} {act:?} waits for ever");
        let order = act.prepare(bench).await;
        let ours = Sessions::of(&bench.raw).await;
        let saved = cut_off(bench, form, act, order.id, place);
        ours.until_alone(&bench.raw).await;
        let label = format!("{form:?} {act:?} cut off at place {place}");
        let committed = act.assert_whole(bench, form, &order, &label).await;
        let Some(outcome) = saved else {
            (cuts, missed) = (place, 0);
            continue;
        };
        outcome.unwrap();
        assert!(committed, "{label}: the save returned Ok and is not there");
        missed += 1;
    }
    cuts
}

/// How many saves in a row must have come to their end before a place, so that there is no such place. A future does not
/// wait for an answer that is there before it has looked, so one that ends says little: least of all one that never
/// waited, for it did ask the database.
fn patience(bench: &Bench, cuts: u64) -> u64 {
    match cuts {
        // Its places are its statements.
        _ if bench.fixture.is_blocking() => 1,
        0 => 100,
        _ => 2,
    }
}

/// The outcome of a save that came to its end before it was cut off. Its connections end with a runtime of its own, as
/// with a process: one that was left in the middle of an answer may not be fit for use or for a proper goodbye.
fn cut_off(bench: &Bench, form: Form, act: Act, id: Uuid, n: u64) -> Option<Result<(), Failure>> {
    let boundary = bench.boundary.expect("the case runs in its own process");
    let cut = || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let bench = bench.reopened().await;
            // So that it is not cut off while it connects: there is nothing to lose there.
            bench.fixture.load(id).await;
            let save = act.run(&*bench.fixture, form, id);
            let blocks = bench.fixture.is_blocking();
            let saved = boundary.cut_off(n, blocks, save).await;
            if bench.kind == Kind::Sqlite {
                // What a thread of its own has been asked for is done, whoever is gone.
                bench.fixture.close().await;
            }
            saved
        })
    };
    std::thread::scope(|scope| scope.spawn(cut).join().unwrap())
}
