//! A mesh of Rust and Python: celery-salt and tchu-tchu publish, subscribe, call and are called, unchanged.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use celerysalt::broker::Broker;
use celerysalt::broker::conformance::PATIENCE;
use celerysalt::event;
use celerysalt::event::{Envelope, Meta, RpcError};
use celerysalt::handler::{Context, HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{Call, CallError, RpcClient};
use celerysalt::worker::{Worker, handler_fn};
use celerysalt_amqp::wire::Dialect;
use celerysalt_redis::RedisResults;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use support::Mesh;
use support::python::{Flavour, Service, redis_url};

#[event("mesh.add", response = Sum, error = RpcError)]
struct Add {
    a: i64,
    b: i64,
}

#[celerysalt::event_response("mesh.add")]
#[derive(Debug, PartialEq)]
struct Sum {
    result: i64,
}

#[event("mesh.nobody", response = Nothing, error = RpcError)]
struct Nobody {}

#[celerysalt::event_response("mesh.nobody")]
#[derive(Debug)]
struct Nothing {}

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
async fn python_honours_eta_expires_and_versions() {
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

    let mut expired = event_of("mesh.broadcast.expired", json!({"late": true}));
    expired.meta.expires = Some(Utc::now() - TimeDelta::seconds(5));
    publish(&mesh, expired).await;
    let eta = Utc::now() + TimeDelta::milliseconds(1_500);
    let mut later = event_of("mesh.broadcast.later", json!({"later": true}));
    later.meta.eta = Some(eta);
    publish(&mesh, later).await;

    // v1 to the first, v2 to both, no version to none; the one that waits; not the expired one.
    let recorded = service.recorded(4).await;
    assert!(Utc::now() >= eta, "the one that waits came too early");
    let of = |handler: &str| -> Vec<&Value> {
        recorded
            .iter()
            .filter(|entry| entry["handler"] == handler)
            .map(|entry| &entry["data"])
            .collect()
    };
    assert_eq!(of("v1"), [&json!({"number": 1}), &json!({"number": 2})]);
    assert_eq!(of("v2"), [&json!({"number": 2})]);
    assert_eq!(of("all"), [&json!({"later": true})]);
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

/// A Rust service that runs until told.
struct Running {
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(mesh: &Mesh, handlers: Vec<HandlerDef>, results: Option<RedisResults>) -> Self {
        let mut builder =
            Worker::builder(Arc::new(mesh.broker.clone()), mesh.name("rust")).handlers(handlers);
        if let Some(results) = results {
            builder = builder.results(Arc::new(results));
        }
        let worker = builder.build().unwrap();
        worker.declare().await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(async move {
            worker
                .run(async { stopped.await.unwrap_or(()) })
                .await
                .unwrap();
        });
        Self { stop, ended }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_handles_what_python_publishes() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let got = Got::default();
        let handlers = vec![
            got.handler("all", "mesh.#", VersionSpec::Latest),
            got.handler("newer", "mesh.versioned", VersionSpec::AtLeast(2)),
        ];
        let rust = Running::start(&mesh, handlers, None).await;
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
    for (version, number) in [("v1", 1), ("v2", 2)] {
        let command = json!({"do": "publish", "topic": "mesh.versioned", "data": {"number": number}, "version": version});
        python.run(command).await.unwrap();
    }
    let come = got.until(before + 3).await.split_off(before);
    let newer: Vec<&Value> = come
        .iter()
        .filter(|(name, _)| name == "newer")
        .map(|(_, e)| &e.payload)
        .collect();
    assert_eq!(newer, [&json!({"number": 2})]);

    let begun = Utc::now();
    let waits = json!({"do": "publish", "topic": "mesh.later", "data": {}, "countdown": 1.2, "priority": 7, "correlation_id": "corr-7"});
    python.run(waits).await.unwrap();
    let (_, later) = got.until(before + 4).await.pop().unwrap();
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
    let (_, kombu) = got.until(before + 5).await.pop().unwrap();
    assert_eq!(
        (kombu.topic.as_str(), &kombu.payload),
        ("mesh.kombu", &json!({"protocol": 1}))
    );
}

fn results(mesh: &Mesh) -> RedisResults {
    RedisResults::builder(&redis_url())
        .unwrap()
        .global_keyprefix(&mesh.mark)
        .build()
}

fn client(mesh: &Mesh) -> RpcClient {
    let publisher = Publisher::to_broker(Arc::new(mesh.broker.clone()));
    RpcClient::new(publisher, Arc::new(results(mesh)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_calls_python() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let client = client(&mesh);
        let service = Service::new(&mesh, flavour);
        let worker = service.worker().await;
        let call = async |a, b, seconds| {
            Add { a, b }
                .call(&client, Duration::from_secs(seconds))
                .await
        };
        assert_eq!(
            call(2, 3, 20).await.unwrap(),
            Sum { result: 5 },
            "{flavour:?}"
        );
        match call(999, 2, 20).await {
            Err(CallError::Declared(error)) => {
                assert_eq!(error.error_code, "OVERFLOW");
                assert_eq!(error.details.unwrap()["limit"], 1000);
            }
            other => panic!("{flavour:?}: {other:?}"),
        }
        match call(-1, 2, 20).await {
            Err(CallError::HandlerFailed { error, .. }) => {
                assert!(error.contains("a is negative"), "{error}")
            }
            other => panic!("{flavour:?}: {other:?}"),
        }
        let nobody = Nobody {}.call(&client, Duration::from_secs(20)).await;
        assert!(
            matches!(&nobody, Err(CallError::NoHandler { topic }) if topic == "mesh.nobody"),
            "{nobody:?}"
        );
        worker.kill().await;
        let absent = call(1, 1, 1).await;
        assert!(
            matches!(absent, Err(CallError::Timeout { .. })),
            "{flavour:?}: {absent:?}"
        );
        mesh.remove(&[service.queue]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_calls_rust() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let handler = handler_fn(|cx: Context| async move {
            let (a, b) = (
                cx.envelope.payload["a"].as_i64(),
                cx.envelope.payload["b"].as_i64(),
            );
            match a.zip(b) {
                Some((a, b)) if a + b > 1000 => Err(HandlerError::declared(&RpcError::new(
                    "OVERFLOW",
                    "the sum is over 1000",
                ))),
                Some((a, b)) => Ok(json!({"result": a + b})),
                None => Err(HandlerError::reject("a or b is missing")),
            }
        });
        let add = HandlerDef {
            name: "add".to_owned(),
            pattern: "mesh.add".to_owned(),
            version: VersionSpec::Latest,
            options: HandlerOptions::default(),
            handler: Arc::new(handler),
        };
        let rust = Running::start(&mesh, vec![add], Some(results(&mesh))).await;
        let service = Service::new(&mesh, flavour);
        let mut python = service.client();
        let mut call = async |a: i64, b: i64| {
            python.run(json!({"do": "call", "topic": "mesh.add", "data": {"a": a, "b": b}, "timeout": 20})).await
        };
        assert_eq!(
            call(2, 3).await.unwrap(),
            json!({"result": 5}),
            "{flavour:?}"
        );
        let refused = call(999, 2).await.unwrap();
        assert_eq!(
            refused["error_code"], "OVERFLOW",
            "{flavour:?}: a declared error is the first result"
        );
        rust.stop().await;
        python.stop().await;
        mesh.remove(&[mesh.name("rust")]).await;
    }
}
