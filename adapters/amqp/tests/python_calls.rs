//! Calls between Rust and Python, in both directions, over Redis and over RabbitMQ itself.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{Broker, QueueSpec};
use celerysalt::event::{Event, RpcError};
use celerysalt::handler::{HandlerDef, HandlerOptions, VersionSpec};
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{Call, CallError, RpcClient, SharedResultBackend};
use celerysalt_amqp::AmqpResults;
use celerysalt_amqp::wire::Dialect;
use celerysalt_redis::RedisResults;
use serde_json::{Value, json};

use support::Mesh;
use support::calculator::{Add, COMES, adds, ends_as_it_should, refuses_what_does_not_fit};
use support::load::define;
use support::python::{Client, Flavour, Service, redis_url, types};
use support::rust::Rust;

#[celerysalt::event("mesh.echo", response = Echoed, error = RpcError)]
struct Echo {
    data: Value,
}

#[celerysalt::event_response("mesh.echo")]
#[derive(Debug)]
struct Echoed {
    data: Value,
}

/// Comes to Python's queue, where no handler knows it.
#[celerysalt::event("mesh.elsewhere", response = Echoed, error = RpcError)]
struct Elsewhere {}

fn mesh_for(flavour: Flavour) -> Mesh {
    Mesh::with(|builder| match flavour {
        Flavour::CelerySalt => builder,
        Flavour::TchuTchu => builder.dialect(Dialect::TchuTchu),
    })
}

fn redis(mesh: &Mesh) -> SharedResultBackend {
    let builder = RedisResults::builder(&redis_url()).unwrap();
    Arc::new(builder.global_keyprefix(&mesh.mark).build())
}

fn client(mesh: &Mesh, results: SharedResultBackend) -> RpcClient {
    let publisher = Publisher::to_broker(Arc::new(mesh.broker.clone()));
    RpcClient::new(publisher, results)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_calls_python_over_redis() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let client = client(&mesh, redis(&mesh));
        let service = Service::new(&mesh, flavour);
        bound_to_more_than_it_handles(&mesh, &service).await;
        let worker = service.worker().await;
        ends_as_it_should(&client, flavour.name()).await;
        misfits(&client, flavour, flavour.name()).await;
        echoes(&client, flavour.name()).await;
        nobody_in_python(&client, &service, flavour.name()).await;
        worker.kill().await;
        let absent = Add { a: 1, b: 1 }
            .call(&client, Duration::from_secs(1))
            .await;
        assert!(
            matches!(absent, Err(CallError::Timeout { .. })),
            "{flavour:?}: {absent:?}"
        );
        mesh.remove(&[service.queue]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rust_calls_python_over_rabbitmq() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let service = Service::new(&mesh, flavour).with_rpc_results();
        bound_to_more_than_it_handles(&mesh, &service).await;
        let worker = service.worker().await;
        for (way, results) in [
            ("rpc://", AmqpResults::new(&mesh.broker)),
            ("direct reply-to", AmqpResults::direct(&mesh.broker)),
        ] {
            let client = client(&mesh, Arc::new(results));
            let who = format!("{} over {way}", flavour.name());
            ends_as_it_should(&client, &who).await;
            misfits(&client, flavour, &who).await;
            echoes(&client, &who).await;
            nobody_in_python(&client, &service, &who).await;
        }
        worker.kill().await;
        mesh.remove(&[service.queue]).await;
    }
}

/// celery-salt checks its requests; tchu-tchu checks nothing, so that what it cannot use is a failure of its handler.
async fn misfits(client: &RpcClient, flavour: Flavour, who: &str) {
    match flavour {
        Flavour::CelerySalt => refuses_what_does_not_fit(client, who).await,
        Flavour::TchuTchu => {
            let asked = json!({"a": "two", "b": 2});
            let call = client.call_json("mesh.add", Some("v1"), asked, COMES, Default::default());
            let failed = call.await;
            assert!(
                matches!(&failed, Err(CallError::HandlerFailed { .. })),
                "{who}: {failed:?}"
            );
        }
    }
}

/// Whatever JSON knows, for the way there and back.
fn payloads() -> [Value; 4] {
    [
        json!({"text": "Zoë 🧂 \u{0} \" 漢字", "none": null, "list": [1, [2, {"three": [null, {}]}]]}),
        json!({"amount": "99.90", "at": "2026-01-25T10:30:00Z", "whole": [i64::MIN, u64::MAX]}),
        json!("x".repeat(1 << 20)),
        json!(null),
    ]
}

/// What goes to a Python handler comes back.
async fn echoes(client: &RpcClient, who: &str) {
    for data in payloads() {
        let echo = Echo { data: data.clone() };
        let echoed = echo.call(client, COMES).await;
        assert_eq!(echoed.unwrap().data, data, "{who}");
    }
}

async fn bound_to_more_than_it_handles(mesh: &Mesh, service: &Service) {
    let spec = QueueSpec {
        name: service.queue.clone(),
        bindings: vec![Elsewhere::TOPIC.to_owned()],
        max_priority: 10,
    };
    mesh.broker.declare(&spec).await.unwrap();
}

/// The request is routed, and Python itself answers that it has no handler.
async fn nobody_in_python(client: &RpcClient, service: &Service, who: &str) {
    let told = || {
        let nobody = "No local handlers found for routing key 'mesh.elsewhere'";
        service.told().matches(nobody).count()
    };
    let before = told();
    let nobody = Elsewhere {}.call(client, COMES).await;
    assert!(
        matches!(&nobody, Err(CallError::NoHandler { topic }) if topic == "mesh.elsewhere"),
        "{who}: {nobody:?}"
    );
    assert!(told() > before, "{who}: somebody else answered");
}

async fn call(python: &mut Client, topic: &str, data: Value) -> Result<Value, (String, String)> {
    let command = json!({"do": "call", "topic": topic, "data": data, "timeout": 30});
    python.run(command).await
}

/// What Python sees of a Rust service's answers.
async fn python_sees_what_it_should(python: &mut Client, who: &str) {
    let sum = call(python, "mesh.add", json!({"a": 2, "b": 3})).await;
    assert_eq!(sum.unwrap(), json!({"result": 5}), "{who}");
    let declared = call(python, "mesh.add", json!({"a": 999, "b": 2}))
        .await
        .unwrap();
    assert_eq!(
        declared["error_code"], "OVERFLOW",
        "{who}: it is the first result"
    );
    let failed = call(python, "mesh.add", json!({"a": -1, "b": 2}))
        .await
        .unwrap_err();
    assert!(failed.1.contains("a is negative"), "{who}: {failed:?}");
    let invalid = call(python, "mesh.add", json!({"a": "two", "b": 2}))
        .await
        .unwrap_err();
    assert!(
        invalid.1.contains("a or b is missing"),
        "{who}: {invalid:?}"
    );
    let unknown = call(python, "mesh.unhandled", json!({})).await.unwrap_err();
    assert!(unknown.1.contains("No handlers"), "{who}: {unknown:?}");
}

/// What Python sends to a Rust handler comes back to it, and what JSON does not know as its encoder writes it.
async fn echoes_in_rust(python: &mut Client, who: &str) {
    for data in payloads() {
        let echoed = call(python, Echo::TOPIC, json!({"data": data})).await;
        assert_eq!(echoed.unwrap(), json!({"data": data}), "{who}");
    }
    let command = json!({"do": "call_types", "topic": Echo::TOPIC, "timeout": 30});
    let echoed = python.run(command).await;
    assert_eq!(echoed.unwrap(), json!({"data": types()}), "{who}");
}

/// Answers with what it was sent.
fn echo() -> HandlerDef {
    define("echo", Echo::TOPIC, HandlerOptions::default(), |cx| {
        Ok(json!({"data": cx.envelope.payload["data"]}))
    })
}

/// The handlers that Python calls.
fn handlers() -> Vec<HandlerDef> {
    vec![adds(), unhandled(), listens(), echo()]
}

/// Bound to a topic of which it handles no message that Python sends.
fn unhandled() -> HandlerDef {
    HandlerDef {
        name: "newer".to_owned(),
        pattern: "mesh.unhandled".to_owned(),
        version: VersionSpec::AtLeast(2),
        ..adds()
    }
}

/// Gets what `add` gets, stands before it by its name, and says nothing: Python takes the first result.
fn listens() -> HandlerDef {
    let options = HandlerOptions::default();
    define("a listener", "mesh.add.#", options, |_| Ok(Value::Null))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_calls_rust_over_redis() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let rust = Rust::start(&mesh, handlers(), Some(redis(&mesh))).await;
        let mut python = Service::new(&mesh, flavour).client();
        python_sees_what_it_should(&mut python, flavour.name()).await;
        echoes_in_rust(&mut python, flavour.name()).await;
        under_an_id_of_its_own(&mut python, flavour.name()).await;
        rust.stop().await;
        let absent =
            json!({"do": "call", "topic": "mesh.add", "data": {"a": 1, "b": 1}, "timeout": 1});
        let absent = python.run(absent).await.unwrap_err();
        assert!(absent.0.contains("Timeout"), "{flavour:?}: {absent:?}");
        python.stop().await;
        mesh.remove(&[mesh.name("rust")]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_calls_rust_over_rabbitmq() {
    for flavour in Flavour::ALL {
        let mesh = mesh_for(flavour);
        let answering = Arc::new(AmqpResults::new(&mesh.broker));
        let rust = Rust::start(&mesh, handlers(), Some(answering)).await;
        let mut python = Service::new(&mesh, flavour).with_rpc_results().client();
        python_sees_what_it_should(&mut python, flavour.name()).await;
        echoes_in_rust(&mut python, flavour.name()).await;
        under_an_id_of_its_own(&mut python, flavour.name()).await;
        python.stop().await;
        rust.stop().await;
        mesh.remove(&[mesh.name("rust")]).await;
    }
}

/// Celery lets callers name their tasks.
async fn under_an_id_of_its_own(python: &mut Client, who: &str) {
    for (id, a) in [("nightly-42", 42), ("7F1C5FD0B11E4D0AA1E22AD16BD1F4D5", 43)] {
        let command = json!({"do": "call_as", "task_id": id, "topic": "mesh.add", "data": {"a": a, "b": 1}, "timeout": 30});
        let answer = python.run(command).await.unwrap();
        assert_eq!(
            answer["results"][0]["result"]["result"],
            a + 1,
            "{who}: {id}"
        );
    }
}
