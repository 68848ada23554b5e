//! Who answers a call where several handlers get it: those of its topic, never those that only listen.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::{MemoryBroker, QueueSpec, QueueStats};
use celerysalt::catalog::{EventEntry, Role};
use celerysalt::event::Mode;
use celerysalt::handler::{Context, HandlerDef, HandlerError};
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{Call, CallError, MemoryResults, RpcClient};
use celerysalt::worker::Worker;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worker_support::{bus, def, failed, request};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A request that nobody here has linked: only the caller checks.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Add {}

request!(Add, "math.add", i64, Value);

/// A request whose response is linked: the worker checks as well.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Halve {}

request!(Halve, "math.halve", i64, Value);

celerysalt::__private::inventory::submit! {
    EventEntry {
        topic: "math.halve",
        version: "v1",
        name: "HalveResponse",
        role: Role::Response,
        mode: Mode::Rpc,
        schema: || json!({"type": "integer"}),
        location: "rpc_listeners.rs:1",
    }
}

/// A request whose answer is nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Reset {}

request!(Reset, "math.reset", (), Value);

fn on<F, Fut>(pattern: &str, name: &str, function: F) -> HandlerDef
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
{
    HandlerDef {
        pattern: pattern.to_owned(),
        ..def(name, function)
    }
}

/// Comes to nothing.
fn listens(pattern: &str) -> HandlerDef {
    on(pattern, "audit", |_| async { Ok(Value::Null) })
}

fn answers(pattern: &str, value: i64) -> HandlerDef {
    on(
        pattern,
        "math",
        move |_| async move { Ok(Value::from(value)) },
    )
}

/// Has its answer at the second try.
fn answers_later(pattern: &str, value: i64) -> HandlerDef {
    on(pattern, "math", move |cx| async move {
        match cx.retries {
            0 => Err(busy()),
            _ => Ok(Value::from(value)),
        }
    })
}

fn busy() -> HandlerError {
    HandlerError::retry_after(Duration::from_secs(3), "busy")
}

#[tokio::test]
async fn a_listener_never_answers_for_the_handler_of_the_topic() {
    for listener in ["#", "math.*", "math.add"] {
        let here = bus([listens(listener), answers("math.add", 5)]).await;
        assert_eq!(here.call(&Add {}, TIMEOUT).await.unwrap(), 5, "{listener}");
        let waits = bus([listens(listener), answers_later("math.add", 5)]).await;
        assert_eq!(waits.call(&Add {}, TIMEOUT).await.unwrap(), 5, "{listener}");
    }
}

#[tokio::test]
async fn what_a_listener_says_fails_or_has_to_try_again_is_no_answer() {
    let says = on("#", "audit", |_| async { Ok(json!("noted")) });
    let fails = on("#", "audit", |_| async { Err(failed(false)) });
    let tries_again = on("#", "audit", |cx| async move {
        match cx.retries {
            0 => Err(busy()),
            _ => Err(failed(false)),
        }
    });
    for listener in [says, fails, tries_again] {
        let here = bus([listener.clone(), answers("math.add", 5)]).await;
        assert_eq!(here.call(&Add {}, TIMEOUT).await.unwrap(), 5);
        let waits = bus([listener.clone(), answers_later("math.add", 5)]).await;
        assert_eq!(waits.call(&Add {}, TIMEOUT).await.unwrap(), 5);
        let broken = on("math.add", "math", |_| async { Err(failed(false)) });
        let error = bus([listener, broken]).await.call(&Add {}, TIMEOUT).await;
        assert!(
            matches!(&error, Err(CallError::HandlerFailed { handler, .. }) if handler == "math"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_the_answer_where_a_handler_of_the_topic_has_no_other() {
    let resets = on("math.reset", "resets", |_| async { Ok(Value::Null) });
    let audit = on("#", "audit", |_| async { Err(busy()) });
    let bus = bus([audit, resets]).await;
    bus.call(&Reset {}, TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn a_value_of_a_wildcard_answers_where_nobody_has_the_topic() {
    for math in [answers("math.*", 5), answers_later("math.*", 5)] {
        let bus = bus([listens("#"), math]).await;
        assert_eq!(bus.call(&Add {}, TIMEOUT).await.unwrap(), 5);
    }
}

/// What does not fit the response is no answer of one of several, and no failure of it either.
#[tokio::test]
async fn a_listener_of_a_checked_call_is_done_and_no_dead_letter() {
    for listener in ["#", "math.halve"] {
        // Both try again, so that neither knows what the other came to.
        let audit = on(listener, "audit", |cx| async move {
            match cx.retries {
                0 => Err(HandlerError::retry_after(Duration::from_secs(1), "busy")),
                _ => Ok(Value::Null),
            }
        });
        let bus = bus([audit, answers_later("math.halve", 5)]).await;
        assert_eq!(bus.call(&Halve {}, TIMEOUT).await.unwrap(), 5, "{listener}");
        bus.run_until_idle().await;
        assert_eq!(bus.stats(), QueueStats::default(), "{listener}");
    }
}

/// What comes by a binding that outlived its handler is kept, and who asks is told.
#[tokio::test]
async fn a_call_of_a_topic_without_a_handler_is_told_and_kept() {
    let bus = bus([listens("order.#")]).await;
    let left_over = QueueSpec {
        name: "test".to_owned(),
        bindings: vec!["math.#".to_owned()],
        max_priority: 10,
    };
    bus.broker().declare(&left_over).await.unwrap();
    let error = bus.call(&Add {}, TIMEOUT).await;
    assert!(
        matches!(&error, Err(CallError::NoHandler { topic }) if topic == "math.add"),
        "{error:?}"
    );
    let dead = bus.dead_letters().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].envelope.topic, "math.add");
}

/// A service that only listens is asked as well, and would be faster than the one that answers.
#[tokio::test]
async fn a_service_that_only_listens_leaves_the_answer_to_the_other() {
    let broker = MemoryBroker::default();
    let results = Arc::new(MemoryResults::default());
    let work = async |service: &str, handler: HandlerDef| {
        let worker = Worker::builder(Arc::new(broker.clone()), service)
            .handlers([handler])
            .results(results.clone())
            .build()
            .unwrap();
        worker.declare().await.unwrap();
        worker
    };
    let audit = work("audit", listens("#")).await;
    let behind = broker.clone();
    let math = work(
        "math",
        on("math.add", "math", move |_| {
            let broker = behind.clone();
            async move {
                // Not before the listener is done.
                while broker.stats("audit").unwrap() != QueueStats::default() {
                    tokio::task::yield_now().await;
                }
                Ok(json!(5))
            }
        }),
    )
    .await;
    let listening = tokio::spawn(audit.run(std::future::pending()));
    let answering = tokio::spawn(math.run(std::future::pending()));
    let client = RpcClient::new(
        Publisher::to_broker(Arc::new(broker.clone())),
        results.clone(),
    );
    assert_eq!(Add {}.call(&client, TIMEOUT).await.unwrap(), 5);
    listening.abort();
    answering.abort();
}
