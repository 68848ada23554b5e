//! Savers of one row at the same time.

use std::sync::{Arc, Barrier};

use celerysalt::clock;
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::{Failure, Need, Step};
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const LOCKED: &[Need] = &[Need::LockedRow];
/// How often they try.
const ROUNDS: usize = 5;
/// How many save at once.
pub(super) const SAVERS: usize = 8;

const CASES: &[Case] = &[
    case!(one_transition_of_a_one_time_rule_fires_once).needs(LOCKED),
    case!(one_transition_of_a_persistent_rule_fires_once).needs(LOCKED),
    case!(savers_who_count_up_each_fire_once).needs(LOCKED),
    case!(all_attach_a_rule_and_none_is_lost).needs(LOCKED),
    case!(all_delete_a_row_and_it_fires_once).needs(LOCKED),
    case!(savers_of_different_rows_lose_nothing),
];

/// Concurrent savers.
pub(super) const GROUP: Group = Group {
    name: "concurrency",
    cases: CASES,
};

/// Saves what each saver has to save, all at once, each on a thread of its own.
pub(super) fn at_once(
    bench: &Bench,
    step: impl Fn(usize) -> Step + Sync,
) -> Vec<Result<(), Failure>> {
    all_at_once(bench, |n| bench.fixture.save(step(n)))
}

/// Does what each has to do, all at once, each on a thread of its own.
pub(super) fn all_at_once<F>(bench: &Bench, act: impl Fn(usize) -> F + Sync) -> Vec<F::Output>
where
    F: Future<Output: Send>,
{
    let runtime = tokio::runtime::Handle::current();
    let start = Barrier::new(SAVERS);
    std::thread::scope(|scope| {
        let saver = |n| {
            let (runtime, start, act) = (&runtime, &start, &act);
            let fixture = &bench.fixture;
            scope.spawn(move || {
                // Each with a connection, before the first begins.
                start.wait();
                runtime.block_on(fixture.load(Uuid::nil()));
                let act = act(n);
                start.wait();
                runtime.block_on(act)
            })
        };
        let savers: Vec<_> = (0..SAVERS).map(saver).collect();
        let joined = savers.into_iter().map(|saver| saver.join().unwrap());
        joined.collect()
    })
}

pub(super) fn all_saved(outcomes: Vec<Result<(), Failure>>) {
    for outcome in outcomes {
        outcome.unwrap();
    }
}

async fn fires_once(bench: Bench, rule: Rule) {
    for _ in 0..ROUNDS {
        let order = bench.stored([rule.clone()]).await;
        let pay = |_| Step::Update(order.clone(), Change::of().status("paid"));
        all_saved(at_once(&bench, pay));
        assert_eq!(bench.topics(&order).await, ["order.paid"]);
        let now = bench.reload(&order).await;
        let left = usize::from(rule.persist);
        assert_eq!(
            (now.status.as_str(), now.on_change_rules.len()),
            ("paid", left)
        );
    }
}

async fn one_transition_of_a_one_time_rule_fires_once(bench: Bench) {
    fires_once(bench, paid()).await;
}

async fn one_transition_of_a_persistent_rule_fires_once(bench: Bench) {
    fires_once(bench, paid().persistent()).await;
}

/// Each writes a number of its own: every save changes the field, whatever the order.
async fn savers_who_count_up_each_fire_once(bench: Bench) {
    let changed = json!({"field_name": "quantity", "operator": "changed"});
    let order = bench.stored([tells("changed", changed)]).await;
    let number = |n: usize| 100 + i64::try_from(n).unwrap();
    let count = |n| Step::Update(order.clone(), Change::of().quantity(Some(number(n))));
    all_saved(at_once(&bench, count));
    assert_told(&bench, &order, &["changed"; SAVERS]).await;
}

async fn all_attach_a_rule_and_none_is_lost(bench: Bench) {
    let remark = || json!({"field_name": "remark", "operator": "changed"});
    let order = bench.stored([paid()]).await;
    let attach = |n: usize| {
        // One fires the rule that they all know.
        if n == 0 {
            return Step::Update(order.clone(), Change::of().status("paid"));
        }
        let mut rules = order.on_change_rules.clone();
        rules.push(tells(&format!("rule-{n}"), remark()));
        Step::Update(order.clone(), Change::of().on_change_rules(rules))
    };
    all_saved(at_once(&bench, attach));
    let rules = bench.reload(&order).await.on_change_rules;
    for n in 1..SAVERS {
        assert!(
            rules.get(&format!("rule-{n}")).is_some(),
            "rule-{n} is lost"
        );
    }
    assert_eq!(rules.len(), SAVERS - 1, "the fired rule is back");
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
}

async fn all_delete_a_row_and_it_fires_once(bench: Bench) {
    let gone = json!({"field_name": "status", "operator": "not_null", "on": ["delete"]});
    let order = bench.stored([tells("gone", gone)]).await;
    // On a bare pool a claim to delete stands for ten seconds, however long a busy machine takes.
    let frozen = Arc::new(TestClock::at(Utc::now()));
    let delete = |_| {
        let delete = bench.fixture.save(Step::Delete(order.clone()));
        clock::scope(frozen.clone(), delete)
    };
    all_saved(all_at_once(&bench, delete));
    assert_told(&bench, &order, &["gone"]).await;
}

async fn savers_of_different_rows_lose_nothing(bench: Bench) {
    let mut orders: Vec<Order> = Vec::new();
    for _ in 0..SAVERS {
        orders.push(bench.stored([paid()]).await);
    }
    let pay = |n: usize| Step::Update(orders[n].clone(), Change::of().status("paid"));
    all_saved(at_once(&bench, pay));
    for order in &orders {
        assert_eq!(bench.topics(order).await, ["order.paid"]);
    }
}
