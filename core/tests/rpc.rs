//! Calls: each outcome, validated on both sides, timed on the frozen clock.
#![allow(clippy::unwrap_used, clippy::panic)]

mod worker_support;

use std::sync::Arc;
use std::time::Duration;

use celerysalt::broker::DeadReason;
use celerysalt::catalog::{EventEntry, Role};
use celerysalt::clock::Clock;
use celerysalt::event::Mode;
use celerysalt::extract::{FromContext, Payload};
use celerysalt::handler::{HandlerDef, HandlerError, RateLimit, VersionSpec};
use celerysalt::publisher::Publisher;
use celerysalt::rpc::{
    Answer, Call, CallError, HandlerAnswer, HandlerResult, MemoryResults, ResultBackend, RpcClient,
};
use celerysalt::testing::TestClock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use worker_support::{bus, def, failed, request, with};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Divide {
    #[schemars(range(max = 1000))]
    dividend: i64,
    divisor: i64,
}

request!(Divide, "math.divide", Quotient, MathError);

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Quotient {
    quotient: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct MathError {
    error_code: String,
}

/// A request whose types are linked, as the macros do it, so that the worker checks them as well.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Linked {
    n: i64,
}

request!(Linked, "math.linked", Value, Value);

const fn entry(name: &'static str, role: Role, schema: fn() -> Value) -> EventEntry {
    EventEntry {
        topic: "math.linked",
        version: "v1",
        name,
        role,
        mode: Mode::Rpc,
        schema,
        location: "rpc.rs:1",
    }
}

celerysalt::__private::inventory::submit! {
    entry("Linked", Role::Event, || json!({"properties": {"n": {"maximum": 9}}}))
}
celerysalt::__private::inventory::submit! {
    entry("LinkedResponse", Role::Response, || json!({"type": "integer"}))
}
celerysalt::__private::inventory::submit! {
    entry("LinkedError", Role::Error, || json!({"required": ["error_code"]}))
}

fn math<F, Fut>(function: F) -> HandlerDef
where
    F: Fn(celerysalt::handler::Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, HandlerError>> + Send + 'static,
{
    HandlerDef {
        pattern: "math.#".to_owned(),
        ..def("math", function)
    }
}

fn divide(dividend: i64, divisor: i64) -> Divide {
    Divide { dividend, divisor }
}

#[tokio::test]
async fn a_response_and_a_declared_error_are_typed() {
    let handler = math(|cx| async move {
        let request: Divide = serde_json::from_value(cx.envelope.payload.clone()).unwrap();
        match request.dividend.checked_div(request.divisor) {
            Some(quotient) => Ok(json!({"quotient": quotient})),
            None => Err(HandlerError::Declared(
                json!({"error_code": "DIVISION_BY_ZERO"}),
            )),
        }
    });
    let bus = bus([handler]).await;
    let result = bus.call(&divide(6, 3), TIMEOUT).await;
    assert_eq!(result.unwrap(), Quotient { quotient: 2 });
    let error = bus.call(&divide(1, 0), TIMEOUT).await.unwrap_err();
    let code = "DIVISION_BY_ZERO".to_owned();
    assert!(matches!(error, CallError::Declared(e) if e == MathError { error_code: code }));
    assert!(bus.dead_letters().await.is_empty());
    assert!(bus.envelopes().iter().all(|request| request.meta.is_rpc));
}

#[tokio::test]
async fn many_calls_at_once_get_their_own_answers() {
    let handler = math(|cx| async move {
        let n = cx.envelope.payload["dividend"].as_u64().unwrap();
        cx.clock.sleep(Duration::from_millis(100 - n)).await;
        Ok(json!({"quotient": n}))
    });
    let bus = bus([handler]).await;
    let requests: Vec<_> = (0..20).map(|n| divide(n, 1)).collect();
    let calls = requests
        .iter()
        .map(|request| request.call(bus.client(), TIMEOUT));
    let all = futures::future::join_all(calls);
    let (answers, ()) = tokio::join!(all, bus.advance(Duration::from_secs(1)));
    for (n, answer) in (0..).zip(answers) {
        assert_eq!(answer.unwrap().quotient, n);
    }
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout_by_the_clock() {
    let handler = math(|cx| async move {
        cx.clock.sleep(TIMEOUT * 2).await;
        Ok(json!({"quotient": 1}))
    });
    let bus = bus([handler]).await;
    let before = bus.clock().now();
    let error = bus.call(&divide(1, 1), TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { after } if after == TIMEOUT));
    assert_eq!((bus.clock().now() - before).num_seconds(), 10);
    bus.advance(TIMEOUT).await;
    assert_eq!(
        bus.stats(),
        Default::default(),
        "the late answer hurts nobody"
    );
}

#[tokio::test]
async fn nobody_bound_and_no_handler_for_the_version_are_the_same() {
    let nobody = bus([def("orders", |_| async { Ok(Value::Null) })]).await;
    let error = nobody.call(&divide(1, 1), TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::NoHandler { topic } if topic == "math.divide"));

    let newer = HandlerDef {
        version: VersionSpec::AtLeast(2),
        ..math(|_| async { Ok(Value::Null) })
    };
    let error = bus([newer])
        .await
        .call(&divide(1, 1), TIMEOUT)
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::NoHandler { .. }));
}

#[tokio::test]
async fn a_failed_handler_is_told_with_its_error() {
    let bus = bus([math(|_| async { Err(failed(false)) })]).await;
    let error = bus.call(&divide(1, 1), TIMEOUT).await.unwrap_err();
    assert_eq!(error.to_string(), "handler `math` failed: smtp is down");
    assert_eq!(bus.dead_letters().await.len(), 1);
}

#[tokio::test]
async fn the_answer_of_a_retried_handler_is_waited_for() {
    let handler = math(|cx| async move {
        match cx.retries {
            0 => Err(HandlerError::Retry {
                error: "busy".to_owned(),
                after: Some(Duration::from_secs(3)),
            }),
            retries => Ok(json!({"quotient": retries})),
        }
    });
    let limited = with(handler, |options| {
        options.rate_limit = Some(RateLimit {
            count: 1.0,
            per: Duration::from_secs(2),
        });
    });
    let bus = bus([limited]).await;
    let result = bus.call(&divide(1, 1), TIMEOUT).await;
    assert_eq!(result.unwrap(), Quotient { quotient: 1 });
}

#[tokio::test]
async fn requests_and_answers_are_checked_by_the_caller() {
    let answers = [json!({"quotient": "two"}), json!({"quotient": 1})];
    let handler = math(move |cx| {
        let answer = answers[usize::from(cx.envelope.payload["dividend"] == 1)].clone();
        async move { Ok(answer) }
    });
    let bus = bus([handler]).await;
    let error = bus.call(&divide(5000, 1), TIMEOUT).await.unwrap_err();
    assert!(
        matches!(&error, CallError::InvalidRequest(m) if m.pointer == "/dividend"),
        "{error}"
    );
    assert!(!error.to_string().contains("5000"), "{error}");
    assert!(bus.envelopes().is_empty(), "it was not sent");
    let error = bus.call(&divide(2, 1), TIMEOUT).await.unwrap_err();
    assert!(matches!(&error, CallError::InvalidResponse(m) if m.pointer == "/quotient"));
    assert!(!error.to_string().contains("two"), "{error}");
    assert!(bus.call(&divide(1, 1), TIMEOUT).await.is_ok());

    let undeclared = math(|_| async { Err(HandlerError::Declared(json!({"reason": "?"}))) });
    let bus = self::bus([undeclared]).await;
    let error = bus.call(&divide(1, 1), TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidResponse(_)));
}

#[tokio::test]
async fn requests_and_answers_are_checked_by_the_worker() {
    let handler = math(|cx| async move {
        match cx.envelope.payload["n"].as_i64() {
            Some(0) => Ok(json!("zero")),
            Some(1) => Err(HandlerError::Declared(json!({}))),
            _ => Ok(cx.envelope.payload["n"].clone()),
        }
    });
    let bus = bus([handler]).await;
    let error = bus.call(&Linked { n: 10 }, TIMEOUT).await.unwrap_err();
    assert!(
        matches!(&error, CallError::InvalidRequest(m) if m.pointer == "/n"),
        "{error:?}"
    );
    for n in [0, 1] {
        let error = bus.call(&Linked { n }, TIMEOUT).await.unwrap_err();
        assert!(matches!(&error, CallError::InvalidResponse(_)), "{error:?}");
    }
    assert_eq!(bus.call(&Linked { n: 2 }, TIMEOUT).await.unwrap(), json!(2));
    let dead = bus.dead_letters().await;
    let errors: Vec<&str> = dead.iter().map(|dead| &*dead.reason.error).collect();
    assert!(errors[0].starts_with("the request does not fit its schema at `/n`"));
    assert!(errors[1].starts_with("the answer does not fit its schema"));
}

/// The handler's own type refuses what the caller's admits: told apart from its failure, and without the value.
#[tokio::test]
async fn a_request_that_the_handler_cannot_read_is_invalid() {
    #[derive(Deserialize)]
    struct Small {
        #[allow(dead_code)]
        dividend: u8,
    }
    let handler = math(|cx| async move {
        Payload::<Small>::from_context(&cx)?;
        Ok(json!({"quotient": 1}))
    });
    let bus = bus([handler]).await;
    assert!(bus.call(&divide(255, 1), TIMEOUT).await.is_ok());
    let error = bus.call(&divide(789, 1), TIMEOUT).await.unwrap_err();
    assert!(
        matches!(&error, CallError::InvalidRequest(m) if m.pointer == "/dividend"),
        "{error:?}"
    );
    assert!(!error.to_string().contains("789"), "{error}");

    let asked = json!({"dividend": "many", "divisor": 1});
    let (client, options) = (bus.client(), Default::default());
    let untyped = client.call_json("math.divide", Some("v1"), asked, TIMEOUT, options);
    let (error, ()) = tokio::join!(untyped, bus.run_until_idle());
    assert!(
        matches!(&error, Err(CallError::InvalidRequest(m)) if m.pointer == "/dividend"),
        "{error:?}"
    );
}

#[tokio::test]
async fn of_several_handlers_the_first_success_answers() {
    let named = |name: &str, handler: HandlerDef| HandlerDef {
        name: name.to_owned(),
        ..handler
    };
    let bus = bus([
        named("a", math(|_| async { Err(failed(false)) })),
        named("b", math(|_| async { Ok(json!({"quotient": 2})) })),
        named("c", math(|_| async { Ok(json!({"quotient": 3})) })),
    ])
    .await;
    let result = bus.call(&divide(1, 1), TIMEOUT).await;
    assert_eq!(result.unwrap(), Quotient { quotient: 2 });
}

#[tokio::test]
async fn a_call_inside_a_handler_works_on_the_same_bus() {
    let outer = HandlerDef {
        name: "outer".to_owned(),
        pattern: "math.linked".to_owned(),
        ..math(|cx| async move {
            let client = cx.state.get::<RpcClient>().unwrap();
            let inner = divide(8, 4).call(&client, TIMEOUT).await.unwrap();
            Ok(json!(inner.quotient))
        })
    };
    let inner = HandlerDef {
        pattern: "math.divide".to_owned(),
        ..math(|_| async { Ok(json!({"quotient": 2})) })
    };
    let bus = bus([outer, inner]).await;
    assert_eq!(bus.call(&Linked { n: 5 }, TIMEOUT).await.unwrap(), json!(2));
    let requests = bus.envelopes();
    assert_eq!(requests[1].meta.chain.causation_id, Some(requests[0].id));
}

/// A worker in Python answers with what all its handlers came to, in their order.
#[tokio::test]
async fn a_handler_that_says_nothing_is_passed_over() {
    let bus = bus([math(|_| async { Ok(json!({"quotient": 1})) })]).await;
    let results = Arc::new(MemoryResults::default());
    let client = RpcClient::new(bus.publisher().clone(), results.clone());
    let said = |results: &[HandlerResult]| {
        let named = |result: &HandlerResult| HandlerAnswer {
            handler: "one".to_owned(),
            result: result.clone(),
        };
        Answer::Completed(results.iter().map(named).collect())
    };
    let nothing = HandlerResult::Success(Value::Null);
    let two = HandlerResult::Success(json!({"quotient": 2}));
    let failed = HandlerResult::Error("boom".to_owned());
    let ask = async |answer: Answer| {
        let asked = divide(1, 1);
        let call = asked.call(&client, TIMEOUT);
        let answers = async {
            while bus.stats().ready == 0 {
                tokio::task::yield_now().await;
            }
            let request = bus.envelopes().pop().unwrap();
            results.store(&request, &answer).await.unwrap();
            bus.run_until_idle().await;
        };
        tokio::join!(call, answers).0
    };
    let answer = ask(said(&[nothing.clone(), two.clone(), failed.clone()])).await;
    assert_eq!(answer.unwrap().quotient, 2);
    let answer = ask(said(&[nothing, failed.clone()])).await;
    assert!(
        matches!(answer, Err(CallError::HandlerFailed { .. })),
        "{answer:?}"
    );
    let answer = ask(said(&[failed, two])).await;
    assert!(
        matches!(answer, Err(CallError::HandlerFailed { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_closed_broker_is_a_publish_error() {
    let clock = TestClock::new();
    let broker = celerysalt::broker::MemoryBroker::new(Arc::new(clock.clone()));
    broker.close();
    let publisher = Publisher::to_broker(Arc::new(broker)).with_clock(Arc::new(clock));
    let client = RpcClient::new(publisher, Arc::new(MemoryResults::default()));
    let error = divide(1, 1).call(&client, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, CallError::Publish(_)), "{error}");
}

#[test]
fn a_dead_reason_is_stored_as_json() {
    let reason = DeadReason {
        handler: None,
        attempts: 1,
        error: "x".to_owned(),
    };
    let stored = serde_json::to_value(&reason).unwrap();
    assert_eq!(
        serde_json::from_value::<DeadReason>(stored).unwrap(),
        reason
    );
}
