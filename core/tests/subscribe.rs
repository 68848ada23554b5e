//! What `#[subscribe]` makes of a function.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
mod worker_told;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::MemoryBroker;
use celerysalt::catalog::Catalog;
use celerysalt::chain::Chain;
use celerysalt::event::Meta;
use celerysalt::extract::{EventId, RawEvent, Retries, State, Topic};
use celerysalt::handler::{Context, HandlerError, HandlerOptions, RateLimit, VersionSpec};
use celerysalt::worker::Worker;
use celerysalt::{event, subscribe};
use serde_json::{Value, json};
use support::{call, context, handler};
use worker_told::Told;

#[event("order.paid")]
struct OrderPaid {
    order_id: u64,
}

#[subscribe("order.paid")]
async fn plain(event: OrderPaid) {
    assert!(event.order_id > 0);
}

#[subscribe(
    "order.#",
    name = "audit",
    version = "v2",
    max_retries = none,
    default_retry_delay = 0.5,
    retry_backoff = true,
    retry_backoff_max = 60,
    retry_jitter = false,
    time_limit = 60,
    soft_time_limit = 50,
    rate_limit = "100/m",
    priority = 5,
    acks_late = false,
    reject_on_worker_lost = false,
    queue = "audits",
)]
async fn with_options() {}

#[subscribe("order.paid", max_retries = 7, retry_backoff = 5, rate_limit = 2)]
async fn with_numbers() -> &'static str {
    "done"
}

#[test]
fn without_options_they_are_celerys_defaults() {
    let def = handler("subscribe::plain");
    assert_eq!(def.pattern, "order.paid");
    assert_eq!(def.version, VersionSpec::Latest);
    assert_eq!(def.options, HandlerOptions::default());
}

#[test]
fn options_are_taken_over() {
    let def = handler("audit");
    assert_eq!(
        (def.pattern.as_str(), def.version),
        ("order.#", VersionSpec::AtLeast(2))
    );
    let expected = HandlerOptions {
        max_retries: None,
        default_retry_delay: Duration::from_millis(500),
        retry_backoff: Some(1),
        retry_backoff_max: Duration::from_secs(60),
        retry_jitter: false,
        time_limit: Some(Duration::from_secs(60)),
        soft_time_limit: Some(Duration::from_secs(50)),
        rate_limit: Some(RateLimit {
            count: 100.0,
            per: Duration::from_secs(60),
        }),
        priority: Some(5),
        acks_late: false,
        reject_on_worker_lost: false,
        queue: Some("audits".to_owned()),
    };
    assert_eq!(def.options, expected);
    let numbers = handler("subscribe::with_numbers").options;
    assert_eq!(
        (numbers.max_retries, numbers.retry_backoff),
        (Some(7), Some(5))
    );
    assert_eq!(
        numbers.rate_limit,
        Some(RateLimit {
            count: 2.0,
            per: Duration::from_secs(1)
        })
    );
}

#[subscribe("order.*")]
#[allow(clippy::too_many_arguments)]
async fn eight(
    OrderPaid { order_id }: OrderPaid,
    meta: Meta,
    EventId(id): EventId,
    Topic(topic): Topic,
    State(factor): State<u64>,
    raw: RawEvent,
    Retries(retries): Retries,
    cx: Context,
) -> Value {
    json!([
        order_id * factor,
        meta.chain.depth,
        id,
        topic,
        raw.payload,
        retries,
        &*cx.handler
    ])
}

#[tokio::test]
async fn eight_extractors_and_an_answer() {
    let cx = context(json!({"order_id": 4}));
    let expected = json!([40, 0, cx.envelope.id, "order.paid", {"order_id": 4}, 0, "test"]);
    assert_eq!(call("subscribe::eight", cx).await.unwrap(), expected);
}

#[test]
fn state_that_is_missing_is_told_when_the_worker_is_built() {
    let told = Told::default();
    let build = |with: bool| {
        let builder = Worker::builder(Arc::new(MemoryBroker::default()), "svc")
            .handlers([handler("subscribe::eight"), handler("subscribe::plain")]);
        let builder = match with {
            true => builder.state(7_u64),
            false => builder,
        };
        tracing::subscriber::with_default(told.subscriber(), || builder.build().map(drop)).unwrap();
    };
    build(true);
    assert_eq!(told.errors(), [""; 0]);
    build(false);
    let errors = told.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("subscribe::eight") && errors[0].contains("`State<u64>`"),
        "{errors:?}"
    );
}

#[tokio::test]
async fn nothing_returned_is_null_and_a_value_is_the_answer() {
    assert_eq!(
        call("subscribe::plain", context(json!({"order_id": 1})))
            .await
            .unwrap(),
        Value::Null
    );
    assert_eq!(
        call("audit", context(Value::Null)).await.unwrap(),
        Value::Null
    );
    assert_eq!(
        call("subscribe::with_numbers", context(Value::Null))
            .await
            .unwrap(),
        json!("done")
    );
}

#[tokio::test]
async fn data_that_does_not_fit_does_not_reach_the_function() {
    let error = call("subscribe::plain", context(json!({"order_id": "x"})))
        .await
        .unwrap_err();
    let HandlerError::Invalid { error, .. } = error else {
        panic!("{error:?}")
    };
    assert!(error.contains("`OrderPaid` at `order_id`"), "{error}");
}

#[subscribe("order.paid")]
fn blocking(event: OrderPaid, State(factor): State<u64>) -> Result<Value, std::io::Error> {
    let on_the_runtime = std::thread::current()
        .name()
        .is_some_and(|name| name == "the-test");
    assert!(!on_the_runtime);
    Ok(json!([event.order_id * factor, Chain::current().depth]))
}

#[tokio::test]
async fn a_blocking_function_runs_elsewhere_in_the_same_chain() {
    let chain = Chain {
        depth: 5,
        ..Chain::default()
    };
    let answer = chain
        .scope(call("subscribe::blocking", context(json!({"order_id": 2}))))
        .await;
    assert_eq!(answer.unwrap(), json!([20, 5]));
}

#[tokio::test]
async fn the_functions_stay_callable() {
    plain(OrderPaid { order_id: 1 }).await;
    assert_eq!(with_numbers().await, "done");
    assert_eq!(
        blocking(OrderPaid { order_id: 1 }, State(3)).unwrap(),
        json!([3, 0])
    );
    with_options().await;
}

#[test]
fn each_handler_is_in_the_catalog_once() {
    let names: Vec<_> = Catalog::global()
        .unwrap()
        .handlers()
        .into_iter()
        .map(|h| h.name)
        .collect();
    let expected = [
        "audit",
        "subscribe::blocking",
        "subscribe::eight",
        "subscribe::plain",
        "subscribe::with_numbers",
    ];
    assert_eq!(names, expected);
}
