//! What becomes of a subscriber's error: `autoretry_for`, declared errors, and errors of every kind.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::time::Duration;

use celerysalt::event::RpcError;
use celerysalt::handler::HandlerError;
use celerysalt::{event, event_error, subscribe};
use serde_json::{Value, json};
use support::{call, context};

type BoxError = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("the server is busy")]
    Busy,
    #[error("cannot send")]
    Send(#[source] io::Error),
}

/// `(text, retryable)` of a failure.
async fn failure(handler: &str) -> (String, bool) {
    match call(
        &format!("subscribe_errors::{handler}"),
        context(Value::Null),
    )
    .await
    {
        Err(HandlerError::Failed { error, retryable }) => (error, retryable),
        other => panic!("{handler}: {other:?}"),
    }
}

fn failed(text: &str, retryable: bool) -> (String, bool) {
    (text.to_owned(), retryable)
}

#[subscribe("a")]
async fn unlisted() -> Result<(), MailError> {
    Err(MailError::Busy)
}

#[subscribe("a", autoretry_for = [MailError])]
async fn listed() -> Result<(), MailError> {
    Err(MailError::Busy)
}

#[subscribe("a", autoretry_for = (io::Error, fmt::Error))]
async fn listed_as_source() -> Result<(), MailError> {
    Err(MailError::Send(io::Error::other("broken pipe")))
}

#[subscribe("a", autoretry_for = [MailError], dont_autoretry_for = [io::Error])]
async fn excepted() -> Result<(), MailError> {
    Err(MailError::Send(io::Error::other("broken pipe")))
}

#[subscribe("a", autoretry_for = dyn std::error::Error, dont_autoretry_for = fmt::Error)]
async fn any() -> Result<(), MailError> {
    Err(MailError::Busy)
}

#[tokio::test]
async fn autoretry_is_by_type_down_the_chain_of_sources() {
    assert_eq!(
        failure("unlisted").await,
        failed("the server is busy", false)
    );
    assert_eq!(failure("listed").await, failed("the server is busy", true));
    assert_eq!(
        failure("listed_as_source").await,
        failed("cannot send: broken pipe", true)
    );
    assert_eq!(
        failure("excepted").await,
        failed("cannot send: broken pipe", false)
    );
    assert_eq!(failure("any").await, failed("the server is busy", true));
}

#[subscribe("a", autoretry_for = [MailError])]
async fn boxed() -> Result<(), BoxError> {
    Err(MailError::Busy.into())
}

#[subscribe("a", autoretry_for = [MailError])]
fn boxed_blocking() -> Result<(), Box<dyn Error>> {
    Err(MailError::Busy.into())
}

#[subscribe("a", autoretry_for = [MailError])]
async fn boxed_concrete() -> Result<(), Box<MailError>> {
    Err(Box::new(MailError::Busy))
}

/// What `anyhow::Error` is to its users: no `Error` itself, points to one, hides it when boxed.
struct Report(MailError);

impl Deref for Report {
    type Target = dyn Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Report> for BoxError {
    fn from(report: Report) -> Self {
        report.0.to_string().into()
    }
}

#[subscribe("a", autoretry_for = [MailError])]
async fn report() -> Result<(), Report> {
    Err(Report(MailError::Busy))
}

/// Becomes an error, and is none.
struct Wrapper(MailError);

impl From<Wrapper> for BoxError {
    fn from(wrapper: Wrapper) -> Self {
        wrapper.0.into()
    }
}

#[subscribe("a", autoretry_for = [MailError])]
async fn wrapper() -> Result<(), Wrapper> {
    Err(Wrapper(MailError::Busy))
}

#[subscribe("a", autoretry_for = [MailError])]
async fn text() -> Result<u8, String> {
    Err("no such order".to_owned())
}

#[tokio::test]
async fn errors_of_every_kind_are_understood() {
    for name in [
        "boxed",
        "boxed_blocking",
        "boxed_concrete",
        "report",
        "wrapper",
    ] {
        assert_eq!(
            failure(name).await,
            failed("the server is busy", true),
            "{name}"
        );
    }
    assert_eq!(failure("text").await, failed("no such order", false));
}

#[event("math.add", response = u8, error = AddError)]
struct Add {
    a: u8,
    b: u8,
}

#[event_error("math.add")]
#[derive(thiserror::Error)]
#[error("the sum is over {max}")]
struct AddError {
    max: u8,
}

#[subscribe("math.add", autoretry_for = [AddError])]
async fn add(request: Add) -> Result<u8, AddError> {
    request
        .a
        .checked_add(request.b)
        .ok_or(AddError { max: u8::MAX })
}

#[subscribe("math.add")]
fn built_in() -> Result<(), RpcError> {
    Err(RpcError::new("E", "text"))
}

#[tokio::test]
async fn a_declared_error_is_the_answer_even_when_it_is_an_error_too() {
    let sum = call("subscribe_errors::add", context(json!({"a": 1, "b": 2}))).await;
    assert_eq!(sum.unwrap(), json!(3));
    let over = call(
        "subscribe_errors::add",
        context(json!({"a": 200, "b": 100})),
    )
    .await;
    assert!(matches!(over, Err(HandlerError::Declared(value)) if value == json!({"max": 255})));
    let built_in = call("subscribe_errors::built_in", context(Value::Null)).await;
    let expected = json!({"error_code": "E", "error_message": "text"});
    assert!(matches!(built_in, Err(HandlerError::Declared(value)) if value == expected));
}

#[subscribe("a", autoretry_for = [dyn Error])]
async fn verdict() -> Result<(), HandlerError> {
    Err(HandlerError::retry_after(
        Duration::from_secs(9),
        MailError::Busy,
    ))
}

#[subscribe("a")]
fn rejected() -> Result<(), HandlerError> {
    Err(HandlerError::reject(MailError::Send(io::Error::other(
        "full",
    ))))
}

#[tokio::test]
async fn a_verdict_passes_unchanged() {
    let verdict = call("subscribe_errors::verdict", context(Value::Null))
        .await
        .unwrap_err();
    let HandlerError::Retry { error, after } = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(
        (error.as_str(), after),
        ("the server is busy", Some(Duration::from_secs(9)))
    );
    let rejected = call("subscribe_errors::rejected", context(Value::Null))
        .await
        .unwrap_err();
    assert_eq!(rejected.to_string(), "rejected: cannot send: full");
}

type Shortcut<T> = std::result::Result<T, MailError>;

#[subscribe("a", autoretry_for = [MailError])]
async fn aliased() -> Shortcut<()> {
    Err(MailError::Busy)
}

#[tokio::test]
async fn an_alias_of_result_is_a_result() {
    assert_eq!(failure("aliased").await, failed("the server is busy", true));
}
