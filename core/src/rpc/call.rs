//! Typed calls.

use std::future::Future;
use std::time::Duration;

use serde_json::Value;
use tracing::Instrument;

use super::contract::{check, read};
use super::{Answer, CallError, HandlerAnswer, HandlerResult, Mismatch, SharedResultBackend};
use crate::broker::PublishError;
use crate::event::{Envelope, Request};
use crate::publisher::{PublishOptions, Publisher, PublisherError};
use crate::telemetry::spans;

/// Asks services: publishes requests and waits for their answers. Clones share everything.
#[derive(Clone)]
pub struct RpcClient {
    publisher: Publisher,
    results: SharedResultBackend,
}

impl RpcClient {
    /// A client that publishes here and finds answers there.
    pub fn new(publisher: Publisher, results: SharedResultBackend) -> Self {
        Self { publisher, results }
    }

    /// Asks with JSON under a topic, for programs that do not know the types: nothing is checked against a schema.
    ///
    /// # Errors
    /// [`CallError::Declared`] holds what the handler declares; the other variants say why there is no answer.
    pub async fn call_json(
        &self,
        topic: &str,
        version: Option<&str>,
        payload: Value,
        timeout: Duration,
        options: PublishOptions,
    ) -> Result<Value, CallError<Value>> {
        let asked = async {
            let request = self.publisher.wrap(topic, version, payload, &options);
            let request = request.map_err(not_sent::<Value>)?;
            self.answer::<Value>(request, timeout).await
        };
        let answer = asked.instrument(spans::call(topic)).await?;
        match said(answer)? {
            Said::Response(value) => Ok(value),
            Said::Declared(value) => Err(CallError::Declared(value)),
        }
    }

    /// Sends a request and waits for the first handler's answer.
    async fn answer<E>(
        &self,
        mut request: Envelope,
        timeout: Duration,
    ) -> Result<HandlerAnswer, CallError<E>> {
        request.meta.is_rpc = true;
        let clock = self.publisher.clock();
        tokio::select! {
            biased;
            answer = self.ask(request) => answer,
            () = clock.sleep(timeout) => Err(CallError::Timeout { after: timeout }),
        }
    }

    async fn ask<E>(&self, mut request: Envelope) -> Result<HandlerAnswer, CallError<E>> {
        let expected = self.results.expect(request.id).await;
        let pending = expected.map_err(CallError::Backend)?;
        request.meta.reply_to = self.results.reply_to();
        self.publisher.send(&request).await.map_err(not_sent)?;
        let first = match pending.await.map_err(CallError::Backend)? {
            Answer::NoHandlers => None,
            Answer::Completed(answers) => first(answers),
        };
        first.ok_or(CallError::NoHandler {
            topic: request.topic,
        })
    }
}

/// The answer that counts: the first, but nothing (null) only where there is no other, for a worker in Python may put a
/// handler first that only listens.
fn first(mut answers: Vec<HandlerAnswer>) -> Option<HandlerAnswer> {
    let says_something =
        |answer: &HandlerAnswer| answer.result != HandlerResult::Success(Value::Null);
    let at = answers.iter().position(says_something).unwrap_or_default();
    (!answers.is_empty()).then(|| answers.swap_remove(at))
}

/// Calls for every request type.
pub trait Call: Request {
    /// Publishes the request and waits for its answer.
    ///
    /// # Errors
    /// [`CallError::Declared`] is the handler's own typed error; the other variants say why there is none.
    fn call(
        &self,
        client: &RpcClient,
        timeout: Duration,
    ) -> impl Future<Output = Result<Self::Response, CallError<Self::Error>>> + Send {
        self.call_with(client, timeout, PublishOptions::default())
    }

    /// Like [`call`](Self::call), with options for the request's message.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    fn call_with(
        &self,
        client: &RpcClient,
        timeout: Duration,
        options: PublishOptions,
    ) -> impl Future<Output = Result<Self::Response, CallError<Self::Error>>> + Send {
        let request = async move {
            let request = client
                .publisher
                .envelope(self, &options)
                .map_err(not_sent)?;
            check::<Self>(&request.payload).map_err(CallError::InvalidRequest)?;
            understand::<Self>(client.answer(request, timeout).await?)
        };
        request.instrument(spans::call(Self::TOPIC))
    }
}

impl<T: Request> Call for T {}

fn not_sent<E>(error: PublisherError) -> CallError<E> {
    match error {
        PublisherError::Broker(PublishError::Unroutable { topic }) => {
            CallError::NoHandler { topic }
        }
        PublisherError::Invalid { mismatch, .. } => CallError::InvalidRequest(mismatch),
        error => CallError::Publish(error),
    }
}

/// What the handler said, where it came to say anything.
enum Said {
    Response(Value),
    Declared(Value),
}

fn said<E>(HandlerAnswer { handler, result }: HandlerAnswer) -> Result<Said, CallError<E>> {
    match result {
        HandlerResult::Success(value) => Ok(Said::Response(value)),
        HandlerResult::Declared(value) => Ok(Said::Declared(value)),
        HandlerResult::Error(error) => Err(CallError::HandlerFailed { handler, error }),
        HandlerResult::InvalidRequest(mismatch) => Err(CallError::InvalidRequest(mismatch)),
        HandlerResult::InvalidResponse(mismatch) => Err(CallError::InvalidResponse(mismatch)),
    }
}

fn understand<T: Request>(answer: HandlerAnswer) -> Result<T::Response, CallError<T::Error>> {
    match said(answer)? {
        Said::Response(value) => read(value).map_err(CallError::InvalidResponse),
        Said::Declared(value) => Err(read(value).map_or_else(
            |m: Mismatch| CallError::InvalidResponse(m),
            CallError::Declared,
        )),
    }
}
