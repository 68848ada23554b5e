//! What is counted and measured, as a recorder of the `metrics` facade sees it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod metrics_support;
mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{Broker, MemoryBroker, QueueSpec};
use celerysalt::clock::Clock;
use celerysalt::handler::HandlerError;
use celerysalt::outbox::conformance::event;
use celerysalt::outbox::{MemoryOutbox, OutboxStore, Relay, ToBroker};
use celerysalt::telemetry::{METRICS, MetricKind, describe_metrics};
use celerysalt::testing::{TestBus, TestClock};
use celerysalt::worker::InProcess;
use metrics_support::{Recorded, recorded};
use serde_json::Value;
use worker_support::{def, failed, paid, with};

#[test]
fn a_worker_counts_what_it_takes_and_what_its_handlers_come_to() {
    let seen = recorded(async {
        let bus = TestBus::builder()
            .handlers([
                def("good", |_| async { Ok(Value::Null) }),
                with(def("flaky", |_| async { Err(failed(true)) }), |options| {
                    options.max_retries = Some(1);
                }),
                def("slow", |cx| async move {
                    cx.clock.sleep(Duration::from_secs(2)).await;
                    Ok(Value::Null)
                }),
            ])
            .build()
            .await
            .unwrap();
        bus.publish(&paid(7)).await.unwrap();
        bus.run_until_idle().await;
        bus.advance(Duration::from_secs(180)).await;
    });
    let order = "topic=order.paid";
    assert_eq!(
        seen.counter(&format!("celerysalt_published_total{{outcome=ok,{order}}}")),
        1
    );
    // The event, then the retry.
    let consumed = format!("celerysalt_consumed_total{{queue=test,{order}}}");
    assert_eq!(seen.counter(&consumed), 2);
    for (handler, outcome, count) in [
        ("good", "done", 1),
        ("slow", "done", 1),
        ("flaky", "retry", 1),
        ("flaky", "dead", 1),
    ] {
        let name =
            format!("celerysalt_handled_total{{handler={handler},outcome={outcome},{order}}}");
        assert_eq!(seen.counter(&name), count, "{name}");
    }
    assert_eq!(
        seen.counter(&format!(
            "celerysalt_retried_total{{handler=flaky,{order}}}"
        )),
        1
    );
    let dead = format!("celerysalt_dead_lettered_total{{handler=flaky,{order}}}");
    assert_eq!(seen.counter(&dead), 1);
    assert_eq!(
        seen.values("celerysalt_handler_seconds{handler=slow}"),
        [2.0]
    );
}

#[test]
fn running_handlers_are_a_gauge_that_comes_back() {
    let seen = recorded(async {
        let bus = TestBus::builder()
            .handlers([def("slow", |cx| async move {
                cx.clock.sleep(Duration::from_secs(2)).await;
                Ok(Value::Null)
            })])
            .build()
            .await
            .unwrap();
        for order in 0..3 {
            bus.publish(&paid(order)).await.unwrap();
        }
        bus.run_until_idle().await;
        bus.advance(Duration::from_secs(2)).await;
        bus.publish(&paid(4)).await.unwrap();
        bus.run_until_idle().await;
        // One is cut off: it runs no longer either.
        drop(bus);
    });
    let gauge = seen.gauge("celerysalt_handlers_in_flight{handler=slow}");
    assert_eq!((gauge.last, gauge.highest), (0.0, 3.0));
}

#[test]
fn handlers_in_the_process_count_their_dead_letters() {
    let seen = recorded(async {
        let (clock, outbox) = (TestClock::new(), MemoryOutbox::new());
        outbox.append(&[event("", 1)], clock.now()).await.unwrap();
        let handlers = InProcess::builder()
            .clock(Arc::new(clock.clone()))
            .handlers([def("bad", |_| async { Err(HandlerError::reject("no")) })])
            .build()
            .unwrap();
        let relay = Relay::builder(Arc::new(outbox), Arc::new(handlers)).clock(Arc::new(clock));
        relay.build().drain().await.unwrap();
    });
    let dead = "celerysalt_dead_lettered_total{handler=bad,topic=order.paid}";
    assert_eq!(seen.counter(dead), 1);
    assert_eq!(
        seen.counter("celerysalt_outbox_events_total{outcome=delivered}"),
        1
    );
    assert_eq!(
        seen.counter("celerysalt_outbox_events_total{outcome=dead}"),
        1
    );
}

#[test]
fn a_relay_measures_its_batches_and_how_far_it_is_behind() {
    let seen = recorded(async {
        let (clock, outbox) = (TestClock::new(), MemoryOutbox::new());
        let broker = MemoryBroker::new(Arc::new(clock.clone()));
        let events = [event("", 1), event("", 2), event("", 3)];
        outbox.append(&events, clock.now()).await.unwrap();
        clock.advance(Duration::from_secs(7));
        let queue = QueueSpec {
            name: "svc".to_owned(),
            bindings: vec!["order.#".to_owned()],
            max_priority: 10,
        };
        broker.declare(&queue).await.unwrap();
        let to = Arc::new(ToBroker::new(Arc::new(broker)));
        let relay = Relay::builder(Arc::new(outbox.clone()), to)
            .clock(Arc::new(clock.clone()))
            .build();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            relay
                .run(async {
                    let _ = stopped.await;
                })
                .await;
        });
        // Past the second measurement.
        let end = clock.now() + Duration::from_secs(16);
        while clock.now() < end {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            clock.advance_to_next();
        }
        stop.send(()).unwrap();
        running.await.unwrap();
    });
    assert_eq!(seen.values("celerysalt_relay_batch_events{}"), [3.0]);
    let lag = seen.gauge("celerysalt_relay_lag_seconds{}");
    assert_eq!((lag.highest, lag.last), (7.0, 0.0));
}

#[test]
fn every_metric_is_described_and_documented() {
    let seen: Recorded = recorded(async { describe_metrics() });
    let page = include_str!("../../docs/metrics.md");
    for metric in METRICS {
        assert!(
            seen.described(metric.name),
            "{} is not described",
            metric.name
        );
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let row = format!("| `{}` | {kind} | {} |", metric.name, labels.join(", "));
        assert!(page.contains(&row), "docs/metrics.md has no row {row}");
    }
    assert_eq!(page.matches("| `celerysalt_").count(), METRICS.len());
}
