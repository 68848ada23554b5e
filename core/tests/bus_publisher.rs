//! The publisher: envelopes, options, schemas, and both places that it publishes to.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{Broker, MemoryBroker, PublishError, QueueSpec};
use celerysalt::catalog::{EventInfo, EventSchema, EventSchemas};
use celerysalt::chain::Chain;
use celerysalt::clock::{Clock, new_id};
use celerysalt::outbox::{MemoryOutbox, OutboxStore};
use celerysalt::publisher::{Publish, PublishOptions, Publisher, PublisherError};
use celerysalt::testing::{TestBus, TestClock};
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;
use worker_support::{def, paid};

async fn memory(clock: &TestClock) -> (MemoryBroker, Publisher) {
    let broker = MemoryBroker::new(Arc::new(clock.clone()));
    let queue = QueueSpec {
        name: "svc".to_owned(),
        bindings: vec!["order.#".to_owned()],
        max_priority: 10,
    };
    broker.declare(&queue).await.unwrap();
    let publisher = Publisher::to_broker(Arc::new(broker.clone()));
    (broker, publisher.with_clock(Arc::new(clock.clone())))
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn an_envelope_has_all_that_was_asked_for() {
    let clock = TestClock::new();
    let (_, publisher) = memory(&clock).await;
    let now = clock.now();
    let options = PublishOptions {
        countdown: Some(Duration::from_secs(5)),
        expires: Some(now + TimeDelta::seconds(60)),
        priority: Some(3),
        correlation_id: Some("abc".to_owned()),
        aggregate: Some("order:7".to_owned()),
        ..PublishOptions::default()
    };
    let envelope = publisher.envelope(&paid(7), &options).unwrap();
    assert_eq!(envelope.topic, "order.paid");
    assert_eq!(envelope.version.as_deref(), Some("v1"));
    assert_eq!(envelope.payload, json!({"order_id": 7}));
    let meta = &envelope.meta;
    assert_eq!(meta.eta, Some(now + TimeDelta::seconds(5)));
    assert_eq!((meta.expires, meta.priority), (options.expires, Some(3)));
    assert_eq!(meta.chain.correlation_id.as_deref(), Some("abc"));
    assert_eq!(
        (meta.aggregate.as_deref(), meta.created_at),
        (Some("order:7"), Some(now))
    );
    assert!(!meta.is_rpc);
}

#[tokio::test]
async fn a_countdown_longer_than_time_goes_is_no_haste() {
    let clock = TestClock::new();
    let (_, publisher) = memory(&clock).await;
    for countdown in [Duration::MAX, Duration::from_secs(10_u64.pow(13))] {
        let options = PublishOptions {
            countdown: Some(countdown),
            ..PublishOptions::default()
        };
        let envelope = publisher.envelope(&paid(7), &options).unwrap();
        let eta = envelope.meta.eta.unwrap();
        assert!(eta > clock.now() + TimeDelta::days(365_000), "{eta}");
    }
}

#[test]
fn ids_are_of_the_clock_and_sort_as_they_were_made() {
    let clock = TestClock::new();
    let ids: Vec<Uuid> = (0..1000).map(|_| new_id(&clock)).collect();
    assert!(ids.is_sorted());
    assert_eq!(ids[0].get_version_num(), 7);
    let (seconds, _) = ids[0].get_timestamp().unwrap().to_unix();
    assert_eq!(i64::try_from(seconds).unwrap(), clock.now().timestamp());
    let earlier = TestClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(1));
    assert!(
        new_id(&earlier) < ids[0],
        "another clock does not carry it away"
    );
}

#[tokio::test]
async fn what_the_broker_refuses_is_an_error() {
    let clock = TestClock::new();
    let (_, publisher) = memory(&clock).await;
    let options = PublishOptions::default;
    let error = publisher
        .publish_json("nobody.here", None, json!({}), options())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        PublisherError::Broker(PublishError::Unroutable { .. })
    ));
}

struct OneSchema;

impl EventSchemas for OneSchema {
    fn resolve(&self, event_class: &str) -> Option<EventInfo> {
        let document = json!({"properties": {"order_id": {"maximum": 99}}});
        let validator = jsonschema::validator_for(&document).unwrap();
        (event_class == "order.paid").then(|| EventInfo {
            topic: "order.paid".to_owned(),
            version: Some("v1".to_owned()),
            schema: Some(Arc::new(EventSchema {
                document,
                validator,
            })),
        })
    }

    fn similar(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn known_schemas_are_enforced_without_telling_values() {
    let clock = TestClock::new();
    let (broker, publisher) = memory(&clock).await;
    let publisher = publisher.with_schemas(Arc::new(OneSchema));
    paid(99).publish(&publisher).await.unwrap();
    let error = paid(12345).publish(&publisher).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("event `order.paid` does not fit its schema at `/order_id`"),
        "{text}"
    );
    assert!(!text.contains("12345"), "{text}");
    let json = |topic: &'static str, version| {
        let publisher = publisher.clone();
        let payload = json!({"order_id": 100});
        async move {
            let options = PublishOptions::default();
            publisher
                .publish_json(topic, version, payload, options)
                .await
        }
    };
    assert!(json("order.paid", None).await.is_err());
    assert!(
        json("order.paid", Some("v2")).await.is_ok(),
        "a version that is not known here"
    );
    assert!(
        json("order.sent", None).await.is_ok(),
        "a topic that is not known here"
    );
    assert_eq!(broker.stats("svc").unwrap().ready, 3);
}

#[tokio::test]
async fn a_handlers_trace_context_is_carried_on() {
    let forward = def("forward", |cx| async move {
        let publisher = cx.state.get::<Publisher>().unwrap();
        if cx.envelope.payload["order_id"] == 1 {
            paid(2).publish(&publisher).await.unwrap();
        }
        Ok(Value::Null)
    });
    let bus = TestBus::builder()
        .handlers([forward])
        .build()
        .await
        .unwrap();
    let mut first = bus
        .publisher()
        .envelope(&paid(1), &PublishOptions::default())
        .unwrap();
    first.meta.traceparent = Some(TRACE.to_owned());
    first.meta.tracestate = Some("a=b".to_owned());
    bus.publisher().send(&first).await.unwrap();
    bus.run_until_idle().await;
    let second = &bus.envelopes()[1].meta;
    assert_eq!(second.traceparent.as_deref(), Some(TRACE));
    assert_eq!(second.tracestate.as_deref(), Some("a=b"));
}

#[tokio::test]
async fn a_chain_that_is_too_deep_is_refused() {
    let clock = TestClock::new();
    let (_, publisher) = memory(&clock).await;
    let at = |depth| Chain {
        depth,
        ..Chain::default()
    };
    at(16).scope(paid(1).publish(&publisher)).await.unwrap();
    let error = at(17).scope(paid(1).publish(&publisher)).await.unwrap_err();
    assert!(matches!(
        error,
        PublisherError::ChainTooDeep { depth: 17, .. }
    ));
}

#[tokio::test]
async fn an_outbox_keeps_what_is_published_into_it() {
    let (clock, outbox) = (TestClock::new(), Arc::new(MemoryOutbox::new()));
    let publisher = Publisher::to_outbox(outbox.clone()).with_clock(Arc::new(clock.clone()));
    let id = paid(7).publish(&publisher).await.unwrap();
    let claimed = outbox
        .claim(9, clock.now(), Duration::from_secs(9))
        .await
        .unwrap();
    assert_eq!(
        (claimed[0].envelope.id, claimed[0].created_at, claimed.len()),
        (id, clock.now(), 1)
    );
}
