//! Chains of events that cause each other: what they carry, and where they stop.

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::model::Operation;
use serde_json::json;
use uuid::Uuid;

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::fixture::{Failure, Step};
use crate::order::{Change, Order, paid};
use crate::tell::{assert_told, tells};

const CASES: &[Case] = &[
    case!(the_first_event_begins_a_chain),
    case!(an_event_carries_the_chain_on),
    case!(a_rule_fires_once_a_row_a_chain),
    case!(a_chain_that_is_too_deep_is_refused_before_anything_is_written),
    case!(a_chain_that_is_too_deep_may_save_what_fires_nothing),
];

/// Chains.
pub(super) const GROUP: Group = Group {
    name: "chains",
    cases: CASES,
};

fn deep() -> Chain {
    Chain {
        depth: MAX_DEPTH + 1,
        ..Chain::default()
    }
}

async fn the_first_event_begins_a_chain(bench: Bench) {
    let order = bench.stored([paid()]).await;
    bench.update(&order, Change::of().status("paid")).await;
    let fired = bench.fired(&order).await;
    assert_eq!(fired[0].meta["correlation_id"], fired[0].id.as_str());
    let chain: Chain = serde_json::from_value(fired[0].meta.clone()).unwrap();
    assert_eq!((chain.depth, chain.causation_id), (0, None));
    assert_eq!(chain.fired.len(), 1);
}

async fn an_event_carries_the_chain_on(bench: Bench) {
    let order = bench.stored([paid()]).await;
    let cause = Uuid::now_v7();
    let chain = Chain {
        correlation_id: Some("checkout-17".into()),
        causation_id: Some(cause),
        depth: 3,
        fired: vec!["other".into()],
    };
    let save = bench.update(&order, Change::of().status("paid"));
    chain.scope(save).await;
    let meta = &bench.fired(&order).await[0].meta;
    assert_eq!(meta["correlation_id"], "checkout-17");
    assert_eq!(meta["causation_id"], cause.to_string());
    assert_eq!(meta["depth"], 3);
    assert_eq!(meta["fired"].as_array().unwrap().len(), 2);
}

async fn a_rule_fires_once_a_row_a_chain(bench: Bench) {
    let order = bench.stored([paid().persistent()]).await;
    let order = bench.update(&order, Change::of().status("paid")).await;
    let fired = bench.fired(&order).await;
    let chain: Chain = serde_json::from_value(fired[0].meta.clone()).unwrap();
    let chain = Chain { depth: 1, ..chain };
    let order = bench.update(&order, Change::of().status("pending")).await;
    let again = bench.update(&order, Change::of().status("paid"));
    chain.clone().scope(again).await;
    assert_eq!(bench.topics(&order).await.len(), 1);
    // Another row has not fired in it.
    let other = bench.stored([paid().persistent()]).await;
    let save = bench.update(&other, Change::of().status("paid"));
    chain.scope(save).await;
    assert_eq!(bench.topics(&other).await.len(), 1);
}

async fn a_chain_that_is_too_deep_is_refused_before_anything_is_written(bench: Bench) {
    let gone = json!({"field_name": "status", "operator": "not_null", "on": ["delete"]});
    let order = bench.stored([paid(), tells("gone", gone)]).await;
    let update = bench.try_update(&order, Change::of().status("paid"));
    let delete = bench.fixture.save(Step::Delete(order.clone()));
    let never = Order::pending([paid().on([Operation::Insert])]);
    let never = Order {
        status: "paid".into(),
        ..never
    };
    let insert = bench.fixture.save(Step::Insert(never.clone()));
    for refused in [
        deep().scope(update).await,
        deep().scope(delete).await,
        deep().scope(insert).await,
    ] {
        let is_deep = |text: &str| text.contains("deep");
        assert!(
            matches!(&refused, Err(Failure::Refused(text)) if is_deep(text)),
            "{refused:?}"
        );
    }
    assert_eq!(bench.fixture.load(never.id).await, None);
    assert_eq!(bench.reload(&order).await, order);
    assert_eq!(bench.topics(&order).await, [""; 0]);
}

async fn a_chain_that_is_too_deep_may_save_what_fires_nothing(bench: Bench) {
    let order = bench.stored([paid()]).await;
    let save = bench.update(&order, Change::of().status("shipped"));
    let order = deep().scope(save).await;
    assert_eq!(order.status, "shipped");
    assert_told(&bench, &order, &[]).await;
}
