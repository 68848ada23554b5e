//! A service that is called, and how calls of it end.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use celerysalt::event;
use celerysalt::event::RpcError;
use celerysalt::handler::{Context, HandlerDef, HandlerError, HandlerOptions, VersionSpec};
use celerysalt::rpc::{Call, CallError, RpcClient};
use celerysalt::worker::handler_fn;
use serde_json::{Value, json};
use std::sync::Arc;

#[event("mesh.add", response = Sum, error = RpcError)]
pub(crate) struct Add {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

#[celerysalt::event_response("mesh.add")]
#[derive(Debug, PartialEq)]
pub(crate) struct Sum {
    pub(crate) result: i64,
}

#[event("mesh.nobody", response = Nothing, error = RpcError)]
pub(crate) struct Nobody {}

#[celerysalt::event_response("mesh.nobody")]
#[derive(Debug)]
pub(crate) struct Nothing {}

/// Adds, up to a sum of 1000 and nothing negative; of an `a` of 7777 it says what is no sum.
pub(crate) fn adds() -> HandlerDef {
    let handler = handler_fn(|cx: Context| async move {
        let operand = |name: &str| cx.envelope.payload[name].as_i64();
        match operand("a").zip(operand("b")) {
            Some((7777, _)) => Ok(json!({"result": "thirteen"})),
            Some((a, _)) if a < 0 => Err(HandlerError::reject("a is negative")),
            Some((a, b)) if a + b > 1000 => {
                let error = RpcError::new("OVERFLOW", "the sum is over 1000");
                Err(HandlerError::declared(
                    &error.with_details(json!({"limit": 1000})),
                ))
            }
            Some((a, b)) => Ok(json!({"result": a + b})),
            None => Err(HandlerError::reject("a or b is missing")),
        }
    });
    HandlerDef {
        name: "add".to_owned(),
        pattern: "mesh.add".to_owned(),
        version: VersionSpec::Latest,
        options: HandlerOptions::default(),
        handler: Arc::new(handler),
    }
}

/// How long a call may take whose answer comes.
pub(crate) const COMES: Duration = Duration::from_secs(60);

/// Calls a service that adds, in Rust or in Python, and asks that every end is the one that it should be.
pub(crate) async fn ends_as_it_should(client: &RpcClient, who: &str) {
    let call = async |a, b| Add { a, b }.call(client, COMES).await;
    assert_eq!(call(2, 3).await.unwrap(), Sum { result: 5 }, "{who}");
    match call(999, 2).await {
        Err(CallError::Declared(error)) => {
            assert_eq!(error.error_code, "OVERFLOW", "{who}");
            assert_eq!(error.details.unwrap()["limit"], 1000, "{who}");
        }
        other => panic!("{who}: {other:?}"),
    }
    match call(-1, 2).await {
        Err(CallError::HandlerFailed { error, .. }) => {
            assert!(error.contains("a is negative"), "{who}: {error}")
        }
        other => panic!("{who}: {other:?}"),
    }
    let useless = call(7777, 0).await;
    assert!(
        matches!(&useless, Err(CallError::InvalidResponse(m)) if m.pointer == "/result"),
        "{who}: {useless:?}"
    );
    let nobody = Nobody {}.call(client, COMES).await;
    assert!(
        matches!(&nobody, Err(CallError::NoHandler { topic }) if topic == "mesh.nobody"),
        "{who}: {nobody:?}"
    );
}

/// Asks a service that checks its requests, in Rust or on celery-salt, for what it cannot take.
pub(crate) async fn refuses_what_does_not_fit(client: &RpcClient, who: &str) {
    let asked = json!({"a": "4111-1111", "b": 2});
    let call = client.call_json("mesh.add", Some("v1"), asked, COMES, Default::default());
    let error = call.await.unwrap_err();
    assert!(
        matches!(&error, CallError::InvalidRequest(m) if m.pointer == "/a"),
        "{who}: {error:?}"
    );
    assert!(
        !format!("{error} {error:?}").contains("4111"),
        "{who}: {error:?}"
    );
}

/// What a plain client sends to have something added.
pub(crate) fn request(a: i64, b: i64) -> Vec<u8> {
    let event = json!({"a": a, "b": b, "_tchu_meta": {"is_rpc": true, "version": "v1"}});
    let body = json!([[event.to_string()], {"routing_key": "mesh.add"}, {}]);
    serde_json::to_vec(&body).unwrap()
}

/// The sum in the result of a task.
pub(crate) fn sum(result: &[u8]) -> Value {
    let result: Value = serde_json::from_slice(result).unwrap();
    result["result"]["results"][0]["result"]["result"].clone()
}
