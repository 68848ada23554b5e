//! What saves cost, in statements. (The adapters' own tests name the statements.)

use celerysalt::rules::Rule;
use serde_json::json;

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group, Place};
use crate::fixture::{Need, Step};
use crate::order::{Change, paid};
use crate::tell::tells;

const CASES: &[Case] = &[
    case!(all_events_of_a_save_are_one_statement)
        .at(Place::OwnProcess)
        .needs(&[Need::OneInsert]),
    case!(more_events_cost_no_more_statements).at(Place::OwnProcess),
    case!(a_rule_that_does_not_fire_costs_nothing)
        .at(Place::OwnProcess)
        .needs(&[Need::FreeRules]),
];

/// Costs.
pub(super) const GROUP: Group = Group {
    name: "cost",
    cases: CASES,
};

/// Counts what saves send, each on connections of its own: what a closed connection has sent is counted, and all of
/// it.
struct Meter {
    bench: Bench,
}

impl Meter {
    async fn of(bench: Bench) -> Self {
        bench.close().await;
        Self { bench }
    }

    async fn open(&self) -> Bench {
        let Bench {
            adapter,
            kind,
            url,
            boundary,
            ..
        } = self.bench.clone();
        Bench::open(adapter, kind, url, boundary).await
    }

    /// How many statements it takes to move an order with these rules to a status.
    async fn to(&self, status: &str, rules: Vec<Rule>) -> u64 {
        let boundary = self.bench.boundary.expect("the case has its own process");
        let bench = self.open().await;
        let order = bench.stored(rules).await;
        bench.close().await;

        boundary.reset();
        let bench = self.open().await;
        let step = Step::Update(order, Change::of().status(status));
        bench.fixture.save(step).await.unwrap();
        bench.close().await;
        boundary.count()
    }

    /// How many it takes to pay an order with so many rules that fire.
    async fn to_pay(&self, rules: usize) -> u64 {
        let changed = json!({"field_name": "status", "operator": "eql", "value": "paid"});
        let rule = |n| tells(&format!("rule-{n}"), changed.clone());
        self.to("paid", (0..rules).map(rule).collect()).await
    }

    async fn assert_fired(&self, events: i64) {
        let bench = self.open().await;
        let count = bench.count("SELECT COUNT(*) AS n FROM celerysalt_outbox");
        assert_eq!(count.await, events);
        bench.close().await;
    }
}

async fn all_events_of_a_save_are_one_statement(bench: Bench) {
    let meter = Meter::of(bench).await;
    let nothing = meter.to_pay(0).await;
    assert_eq!(meter.to_pay(1).await, nothing + 1);
    assert_eq!(meter.to_pay(7).await, nothing + 1);
    meter.assert_fired(8).await;
}

async fn more_events_cost_no_more_statements(bench: Bench) {
    let meter = Meter::of(bench).await;
    let one = meter.to_pay(1).await;
    assert_eq!(meter.to_pay(7).await, one);
    meter.assert_fired(8).await;
}

async fn a_rule_that_does_not_fire_costs_nothing(bench: Bench) {
    let meter = Meter::of(bench).await;
    let without = meter.to("shipped", vec![]).await;
    assert_eq!(meter.to("shipped", vec![paid()]).await, without);
    meter.assert_fired(0).await;
}
