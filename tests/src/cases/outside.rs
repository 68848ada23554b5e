//! Rules that stand outside of the row: in code, and in a table that is changed at runtime.

use std::sync::Arc;

use celerysalt::rule_table::{self, MemoryRules, RuleTable};
use celerysalt::rules::Rule;
use celerysalt_plain::Follow;
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::order::{Change, Order};
use crate::tell::{assert_told, tells};

const CASES: &[Case] = &[
    case!(a_rule_in_code_fires_for_every_row_and_is_never_spent),
    case!(a_rule_in_a_table_fires_for_every_row_and_is_never_spent),
    case!(a_rule_that_leaves_the_table_fires_no_more),
    case!(a_rule_in_a_table_fires_on_inserts_and_deletes),
    case!(rules_of_every_kind_fire_in_one_save),
];

/// Rules outside of the row.
pub(super) const GROUP: Group = Group {
    name: "outside",
    cases: CASES,
};

fn is_paid() -> Json {
    json!({"field_name": "status", "operator": "eql", "value": "paid"})
}

fn remark(text: Option<&str>) -> Change {
    Change::of().remark(text.map(str::to_owned))
}

/// A table that holds these rules, seen by saves of this scope. (How databases keep the table has cases of its own.)
async fn table(rules: impl IntoIterator<Item = Rule>) -> RuleTable {
    let table = RuleTable::new(Arc::new(MemoryRules::new()));
    for rule in rules {
        table.put(Order::definition(), rule).await.unwrap();
    }
    table.load().await.unwrap();
    table
}

async fn a_rule_in_code_fires_for_every_row_and_is_never_spent(bench: Bench) {
    for rules in [vec![], vec![tells("other", is_paid())]] {
        let order = bench.stored(rules.clone()).await;
        let order = bench.update(&order, remark(Some("tell"))).await;
        let order = bench.update(&order, remark(None)).await;
        let order = bench.update(&order, remark(Some("tell"))).await;
        let fired = bench.fired(&order).await;
        assert_told(&bench, &order, &["order.remarked", "order.remarked"]).await;
        assert_eq!(fired[0].payload, json!({"order_id": order.id}));
        assert_eq!(fired[0].meta["rule_id"], "remarked");
        assert_eq!(order.on_change_rules.len(), rules.len());
    }
}

async fn a_rule_in_a_table_fires_for_every_row_and_is_never_spent(bench: Bench) {
    let mut once = tells("table", is_paid());
    once.persist = false;
    let case = async {
        table([once]).await;
        for rules in [
            vec![],
            vec![tells(
                "row",
                json!({"field_name": "vip", "operator": "changed"}),
            )],
        ] {
            let order = bench.stored(rules.clone()).await;
            let order = bench.update(&order, Change::of().status("paid")).await;
            let order = bench.update(&order, Change::of().status("pending")).await;
            let order = bench.update(&order, Change::of().status("paid")).await;
            assert_told(&bench, &order, &["table", "table"]).await;
            assert_eq!(order.on_change_rules.len(), rules.len());
        }
    };
    rule_table::scope(case).await;
}

async fn a_rule_that_leaves_the_table_fires_no_more(bench: Bench) {
    let case = async {
        let table = table([tells("table", is_paid())]).await;
        let order = bench.stored([]).await;
        let order = bench.update(&order, Change::of().status("paid")).await;
        table.remove("order", "table").await.unwrap();
        table.load().await.unwrap();
        let order = bench.update(&order, Change::of().status("pending")).await;
        bench.update(&order, Change::of().status("paid")).await;
        assert_told(&bench, &order, &["table"]).await;
    };
    rule_table::scope(case).await;
}

async fn a_rule_in_a_table_fires_on_inserts_and_deletes(bench: Bench) {
    let on = |label: &str| {
        tells(
            label,
            json!({"field_name": "status", "operator": "not_null", "on": [label]}),
        )
    };
    let case = async {
        table([on("insert"), on("delete")]).await;
        let order = bench.stored([]).await;
        bench.delete(&order).await;
        assert_told(&bench, &order, &["insert", "delete"]).await;
    };
    rule_table::scope(case).await;
}

async fn rules_of_every_kind_fire_in_one_save(bench: Bench) {
    let case = async {
        table([tells("table", is_paid())]).await;
        let order = bench.stored([tells("row", is_paid())]).await;
        bench
            .update(&order, remark(Some("tell")).status("paid"))
            .await;
        let fired = bench.fired(&order).await;
        let mut told = crate::tell::labels(&fired);
        told.sort_unstable();
        assert_eq!(told, ["order.remarked", "row", "table"]);
    };
    rule_table::scope(case).await;
}
