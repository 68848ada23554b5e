//! A table that does not fit is told at start with what mends it, and a save on it fires nothing.

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group, Place};
use crate::databases::Kind;
use crate::fixture::{Failure, Need};
use crate::order::{Change, paid};

const CHECK: &[Need] = &[Need::Check];

const CASES: &[Case] = &[
    case!(a_table_that_fits_passes).needs(CHECK),
    case!(a_table_that_is_missing_is_told)
        .needs(CHECK)
        .at(Place::OwnDatabase),
    case!(a_rules_column_that_is_missing_is_told_and_the_remedy_is_one)
        .needs(CHECK)
        .at(Place::OwnDatabase),
    case!(a_rules_column_that_may_be_null_or_holds_no_rules_is_told)
        .needs(CHECK)
        .at(Place::OwnDatabase),
];

/// The check at start.
pub(super) const GROUP: Group = Group {
    name: "tables",
    cases: CASES,
};

async fn a_table_that_fits_passes(bench: Bench) {
    assert_eq!(bench.fixture.check().await, Ok(()));
}

async fn a_table_that_is_missing_is_told(bench: Bench) {
    bench.execute("ALTER TABLE orders RENAME TO others").await;
    says(&bench, &["saves of `order`", "there is no table `orders`"]).await;
    bench.execute("ALTER TABLE others RENAME TO orders").await;
    bench.execute("DROP TABLE celerysalt_pending").await;
    says(&bench, &["`celerysalt_pending`", "run the migrations"]).await;
}

async fn a_rules_column_that_is_missing_is_told_and_the_remedy_is_one(bench: Bench) {
    let order = bench.stored([]).await;
    bench.execute(DROP_RULES).await;
    let told = says(&bench, &["`orders` has no column `on_change_rules`"]).await;
    let failed = bench.try_update(&order, Change::of().status("paid")).await;
    assert!(matches!(failed, Err(Failure::Database(_))), "{failed:?}");

    let remedy = told.split('`').find(|part| part.starts_with("ALTER TABLE"));
    bench.execute(remedy.unwrap()).await;
    assert_eq!(bench.fixture.check().await, Ok(()));
    let mut order = bench.reload(&order).await;
    assert_eq!(order.status, "pending");
    order.on_change_rules.push(paid());
    let rules = Change::of().on_change_rules(order.on_change_rules.clone());
    let order = bench.update(&order, rules).await;
    bench.update(&order, Change::of().status("paid")).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
}

async fn a_rules_column_that_may_be_null_or_holds_no_rules_is_told(bench: Bench) {
    let json = match bench.kind {
        Kind::Sqlite => "TEXT",
        Kind::Postgres => "JSONB",
        Kind::MariaDb => "JSON",
    };
    for (column, told) in [
        (json, "may be NULL"),
        ("INTEGER NOT NULL DEFAULT 0", "is of type int"),
    ] {
        bench.execute(DROP_RULES).await;
        let add = format!("ALTER TABLE orders ADD COLUMN on_change_rules {column}");
        bench.execute(&add).await;
        says(&bench, &["`orders.on_change_rules`", told]).await;
    }
}

const DROP_RULES: &str = "ALTER TABLE orders DROP COLUMN on_change_rules";

/// What the check says, which has all these parts.
async fn says(bench: &Bench, parts: &[&str]) -> String {
    let told = bench.fixture.check().await.unwrap_err();
    for part in parts {
        assert!(told.contains(part), "{part}: {told}");
    }
    told
}
