//! The test bus itself.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::time::Duration;

use celerysalt::broker::PublishError;
use celerysalt::clock::Clock;
use celerysalt::publisher::{Publish, Publisher, PublisherError};
use celerysalt::testing::TestBus;
use serde_json::Value;
use worker_support::{Log, OrderPaid, def, paid};

async fn bus(log: &Log) -> TestBus {
    let handlers = [log.handler("h")];
    TestBus::builder().handlers(handlers).build().await.unwrap()
}

#[tokio::test]
async fn nothing_runs_until_it_is_told() {
    let log = Log::default();
    let bus = bus(&log).await;
    bus.publish(&paid(1)).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(log.take().is_empty());
    bus.run_until_idle().await;
    assert_eq!(log.take(), ["h 1"]);
}

#[tokio::test]
async fn what_handlers_publish_is_handled_and_recorded() {
    let chain = def("chain", |cx| async move {
        let publisher = cx.state.get::<Publisher>().unwrap();
        let order = cx.envelope.payload["order_id"].as_u64().unwrap();
        if order > 0 {
            paid(order - 1).publish(&publisher).await.unwrap();
        }
        Ok(Value::Null)
    });
    let bus = TestBus::builder().handlers([chain]).build().await.unwrap();
    bus.assert_not_published::<OrderPaid>();
    bus.publish(&paid(3)).await.unwrap();
    bus.run_until_idle().await;
    assert_eq!(
        bus.published::<OrderPaid>(),
        [paid(3), paid(2), paid(1), paid(0)]
    );
    bus.assert_published(&paid(2));
}

#[tokio::test]
#[should_panic(
    expected = "OrderPaid { order_id: 2 } was not published, but [OrderPaid { order_id: 1 }]"
)]
async fn a_failed_assertion_shows_what_was_published() {
    let bus = bus(&Log::default()).await;
    bus.publish(&paid(1)).await.unwrap();
    bus.assert_published(&paid(2));
}

#[tokio::test]
async fn a_topic_of_other_services_may_be_published_unless_routing_is_strict() {
    let elsewhere = |publisher: Publisher| async move {
        let options = Default::default();
        publisher
            .publish_json("invoice.sent", None, Value::Null, options)
            .await
    };
    let log = Log::default();
    let lenient = bus(&log).await;
    elsewhere(lenient.publisher().clone()).await.unwrap();
    assert_eq!(lenient.envelopes()[0].topic, "invoice.sent");

    let strict = TestBus::builder()
        .handlers([log.handler("h")])
        .strict_routing();
    let strict = strict.build().await.unwrap();
    let error = elsewhere(strict.publisher().clone()).await.unwrap_err();
    assert!(matches!(
        error,
        PublisherError::Broker(PublishError::Unroutable { .. })
    ));
    assert!(strict.envelopes().is_empty());
}

#[tokio::test]
async fn a_handler_on_the_clock_is_idle_and_one_on_something_else_is_waited_for() {
    let log = Log::default();
    let busy = {
        let log = log.clone();
        def("busy", move |cx| {
            let log = log.clone();
            async move {
                tokio::task::spawn_blocking(|| std::hint::black_box(1 + 1))
                    .await
                    .unwrap();
                log.write("back from another thread");
                cx.clock.sleep(Duration::from_secs(5)).await;
                log.write("slept");
                Ok(Value::Null)
            }
        })
    };
    let bus = TestBus::builder().handlers([busy]).build().await.unwrap();
    bus.publish(&paid(1)).await.unwrap();
    bus.run_until_idle().await;
    assert_eq!(log.take(), ["back from another thread"]);
    bus.advance(Duration::from_secs(5)).await;
    assert_eq!(log.take(), ["slept"]);
}

#[tokio::test]
async fn time_passes_to_the_end_whoever_sleeps() {
    let bus = bus(&Log::default()).await;
    let before = bus.clock().now();
    bus.advance(Duration::from_secs(90)).await;
    assert_eq!((bus.clock().now() - before).num_seconds(), 90);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_on_several_threads() {
    let log = Log::default();
    let bus = bus(&log).await;
    for order in 0..100 {
        bus.publish(&paid(order)).await.unwrap();
    }
    bus.run_until_idle().await;
    assert_eq!(log.take().len(), 100);
    assert_eq!(bus.stats(), Default::default());
}
