//! A mesh of Rust and Python: celery-salt and tchu-tchu publish and subscribe, unchanged.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::broker::conformance::PATIENCE;
use celerysalt::broker::{Broker, QueueSpec};
use celerysalt::event::{Envelope, Meta};
use celerysalt::handler::{Context, HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::worker::handler_fn;
use celerysalt_amqp::wire::Dialect;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use support::Mesh;
use support::python::{Flavour, Service, types};
use support::rust::Rust;

fn mesh_for(flavour: Flavour) -> Mesh {
    Mesh::with(|builder| match flavour {
        Flavour::CelerySalt => builder,
        Flavour::TchuTchu => builder.dialect(Dialect::TchuTchu),
    })
}

fn event_of(topic: &str, payload: Value) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        topic: topic.to_owned(),
        version: Some("v1".to_owned()),
        payload,
        meta: Meta::default(),
    }
}

async fn publish(mesh: &Mesh, envelope: Envelope) {
    mesh.broker.publish(&[envelope]).await.remove(0).unwrap();
}

/// Everything that JSON and Celery's encoder know.
fn payloads() -> Vec<Value> {
    vec![
        json!({"text": "Zoë 🧂 \u{0} \" \\ \n 漢字", "empty": "", "none": null, "yes": true}),
        json!({"whole": [0, -1, i64::MAX, u64::MAX], "half": 0.5, "tiny": 1e-9, "decimal": "99.90"}),
        json!({"at": "2026-01-25T10:30:00+00:00", "day": "2026-01-25", "id": Uuid::nil()}),
        json!({"nested": {"list": [1, [2, {"three": [null, {}, []]}]]}}),
        json!({"long": "x".repeat(1 << 20)}),
        json!({}),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_handles_what_rust_publishes() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let service = Service::new(&mesh, flavour);
        let worker = service.worker().await;
        for payload in payloads() {
            publish(&mesh, event_of("mesh.broadcast.data", payload)).await;
        }
        let got = service.got_by("all", payloads().len()).await;
        assert_eq!(got, payloads(), "{flavour:?}");

        publish(&mesh, event_of("mesh.broadcast.one.exact", json!({"n": 1}))).await;
        let count = payloads().len() + 2;
        assert_eq!(
            service.got_by("exact", count).await,
            [json!({"n": 1})],
            "{flavour:?}: both patterns take it"
        );
        worker.kill().await;
        mesh.remove(&[service.queue]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_honours_eta_and_expires() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let service = Service::new(&mesh, flavour);
        let worker = service.worker().await;
        let mut expired = event_of("mesh.broadcast.expired", json!({"late": true}));
        expired.meta.expires = Some(Utc::now() - TimeDelta::seconds(5));
        publish(&mesh, expired).await;
        let mut later = event_of("mesh.broadcast.later", json!({"later": true}));
        let eta = Utc::now() + TimeDelta::milliseconds(1_500);
        later.meta.eta = Some(eta);
        publish(&mesh, later).await;

        // The one that waits; not the expired one.
        let got = service.got_by("all", 1).await;
        assert!(Utc::now() >= eta, "{flavour:?}: it came too early");
        assert_eq!(got, [json!({"later": true})], "{flavour:?}");
        worker.kill().await;
        mesh.remove(&[service.queue]).await;
    }
}

/// tchu-tchu knows no versions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_honours_versions() {
    let mesh = mesh_for(Flavour::CelerySalt);
    let service = Service::new(&mesh, Flavour::CelerySalt);
    let worker = service.worker().await;
    let versioned = |version: Option<&str>, number: u32| Envelope {
        version: version.map(str::to_owned),
        ..event_of("mesh.versioned", json!({ "number": number }))
    };
    publish(&mesh, versioned(Some("v1"), 1)).await;
    publish(&mesh, versioned(Some("v2"), 2)).await;
    publish(&mesh, versioned(None, 3)).await;
    publish(
        &mesh,
        event_of("mesh.broadcast.last", json!({"last": true})),
    )
    .await;

    // v1 to the first, v2 to both, no version to none.
    let recorded = service.recorded(4).await;
    let of = |handler: &str| -> Vec<&Value> {
        recorded
            .iter()
            .filter(|entry| entry["handler"] == handler)
            .map(|entry| &entry["data"])
            .collect()
    };
    assert_eq!(of("v1"), [&json!({"number": 1}), &json!({"number": 2})]);
    assert_eq!(of("v2"), [&json!({"number": 2})]);
    assert_eq!(of("all"), [&json!({"last": true})]);
    worker.kill().await;
    mesh.remove(&[service.queue]).await;
}

/// What handlers of a Rust service got.
#[derive(Clone, Default)]
struct Got(Arc<Mutex<Vec<Come>>>);

/// A handler's name, and what it got.
type Come = (String, Arc<Envelope>);

impl Got {
    fn handler(&self, name: &str, pattern: &str, version: VersionSpec) -> HandlerDef {
        let (got, label) = (self.clone(), name.to_owned());
        let handler = handler_fn(move |cx: Context| {
            let (got, label) = (got.clone(), label.clone());
            async move {
                got.0
                    .lock()
                    .unwrap()
                    .push((label, Arc::clone(&cx.envelope)));
                Ok::<Value, HandlerError>(Value::Null)
            }
        });
        HandlerDef {
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            version,
            options: HandlerOptions::default(),
            handler: Arc::new(handler),
        }
    }

    async fn until(&self, count: usize) -> Vec<Come> {
        let enough = async {
            while self.0.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, enough).await.is_ok();
        let got = self.0.lock().unwrap().clone();
        assert!(came, "{} of {count} came: {got:?}", got.len());
        got
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_handles_what_python_publishes() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let got = Got::default();
        let handlers = vec![
            got.handler("all", "mesh.#", VersionSpec::Latest),
            got.handler("v1", "mesh.versioned", VersionSpec::AtLeast(1)),
            got.handler("v2", "mesh.versioned", VersionSpec::AtLeast(2)),
        ];
        let rust = Rust::start(&mesh, handlers, None).await;
        let service = Service::new(&mesh, flavour);
        let mut python = service.client();
        for payload in payloads() {
            python.publish("mesh.data", payload).await;
        }
        let come = got.until(payloads().len()).await;
        // Several are handled at a time.
        let mut data: Vec<&Value> = come.iter().map(|(_, envelope)| &envelope.payload).collect();
        data.sort_by_key(|data| payloads().iter().position(|sent| sent == *data));
        assert_eq!(data, payloads().iter().collect::<Vec<_>>(), "{flavour:?}");
        assert!(
            come.iter()
                .all(|(_, envelope)| envelope.topic == "mesh.data" && !envelope.meta.is_rpc)
        );

        if flavour == Flavour::CelerySalt {
            options_of_celery(&mut python, &got, payloads().len()).await;
        }
        python.stop().await;
        rust.stop().await;
        mesh.remove(&[mesh.name("rust")]).await;
    }
}

/// Versions, priority, countdown, correlation, and a publisher without Celery (protocol 1).
async fn options_of_celery(python: &mut support::python::Client, got: &Got, before: usize) {
    for (version, number) in [(json!("v1"), 1), (json!("v2"), 2), (json!(null), 3)] {
        let command = json!({"do": "publish", "topic": "mesh.versioned", "data": {"number": number}, "version": version});
        python.run(command).await.unwrap();
    }
    // All to the one that takes any; v1 to the first, v2 to both, no version to none.
    let come = got.until(before + 6).await.split_off(before);
    let of = |handler: &str| -> BTreeSet<Option<u64>> {
        let of = come.iter().filter(|(name, _)| name == handler);
        of.map(|(_, event)| event.payload["number"].as_u64())
            .collect()
    };
    let numbers = |numbers: &[u64]| numbers.iter().copied().map(Some).collect();
    assert_eq!(of("all"), numbers(&[1, 2, 3]));
    assert_eq!(of("v1"), numbers(&[1, 2]));
    assert_eq!(of("v2"), numbers(&[2]));
    let before = before + 6;

    let begun = Utc::now();
    let waits = json!({"do": "publish", "topic": "mesh.later", "data": {}, "countdown": 1.2, "priority": 7, "correlation_id": "corr-7"});
    python.run(waits).await.unwrap();
    let (_, later) = got.until(before + 1).await.pop().unwrap();
    assert!(
        Utc::now() - begun >= TimeDelta::milliseconds(1_200),
        "it came too early"
    );
    assert_eq!(
        (later.topic.as_str(), later.meta.priority),
        ("mesh.later", Some(7))
    );
    assert_eq!(later.meta.chain.correlation_id.as_deref(), Some("corr-7"));

    let expired = json!({"do": "publish", "topic": "mesh.expired", "data": {}, "expires": -5});
    python.run(expired).await.unwrap();
    python
        .run(json!({"do": "kombu", "topic": "mesh.kombu", "data": {"protocol": 1}}))
        .await
        .unwrap();
    let (_, kombu) = got.until(before + 2).await.pop().unwrap();
    assert_eq!(
        (kombu.topic.as_str(), &kombu.payload),
        ("mesh.kombu", &json!({"protocol": 1}))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_pythons_own_come_as_its_encoder_writes_them() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let got = Got::default();
        let all = got.handler("all", "mesh.#", VersionSpec::Latest);
        let rust = Rust::start(&mesh, vec![all], None).await;
        let mut python = Service::new(&mesh, flavour).client();
        let command = json!({"do": "publish_types", "topic": "mesh.types"});
        python.run(command).await.unwrap();
        let (_, come) = got.until(1).await.remove(0);
        assert_eq!(come.payload, types(), "{flavour:?}");
        python.stop().await;
        rust.stop().await;
        mesh.remove(&[mesh.name("rust")]).await;
    }
}

/// A queue that fills before anybody takes from it, bound to a topic that no handler knows, too.
async fn filling(mesh: &Mesh, queue: String) {
    let spec = QueueSpec {
        name: queue,
        bindings: vec!["mesh.broadcast.#".to_owned(), "mesh.unknown".to_owned()],
        max_priority: 10,
    };
    mesh.broker.declare(&spec).await.unwrap();
}

const URGENCIES: [u8; 5] = [1, 9, 5, 9, 3];
const IN_ORDER: [u8; 5] = [9, 9, 5, 3, 1];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_takes_the_urgent_first_and_goes_on_after_what_it_does_not_know() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let service = Service::new(&mesh, flavour);
        filling(&mesh, service.queue.clone()).await;
        let mut unknown = event_of("mesh.unknown", json!({}));
        unknown.meta.priority = Some(10);
        publish(&mesh, unknown).await;
        for priority in URGENCIES {
            let mut event = event_of("mesh.broadcast.urgent", json!({ "priority": priority }));
            event.meta.priority = Some(priority);
            publish(&mesh, event).await;
        }
        let worker = service.worker().await;
        let got = service.got_by("all", URGENCIES.len()).await;
        let expected = IN_ORDER.map(|priority| json!({ "priority": priority }));
        assert_eq!(got, expected, "{flavour:?}");
        worker.kill().await;
        mesh.remove(&[service.queue]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_takes_the_urgent_first_and_goes_on_after_what_it_does_not_know() {
    // tchu-tchu gives its messages no priorities.
    let mesh = mesh_for(Flavour::CelerySalt);
    filling(&mesh, mesh.name("rust")).await;
    let mut python = Service::new(&mesh, Flavour::CelerySalt).client();
    python.publish("mesh.unknown", json!({})).await;
    for priority in URGENCIES {
        let command = json!({
            "do": "publish", "topic": "mesh.broadcast.urgent", "data": {}, "priority": priority,
        });
        python.run(command).await.unwrap();
    }
    python.stop().await;
    let got = Got::default();
    let all = got.handler("all", "mesh.broadcast.#", VersionSpec::Latest);
    let rust = Rust::start(&mesh, vec![all], None).await;
    let come = got.until(URGENCIES.len()).await;
    let order: Vec<Option<u8>> = come.iter().map(|(_, event)| event.meta.priority).collect();
    assert_eq!(order, IN_ORDER.map(Some));
    rust.stop().await;
    mesh.remove(&[mesh.name("rust")]).await;
}
