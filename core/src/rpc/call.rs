//! Typed calls.

use std::future::Future;
use std::time::Duration;

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

    async fn ask<T: Request>(&self, request: Envelope) -> Result<T::Response, CallError<T::Error>> {
        let pending = self
            .results
            .expect(request.id)
            .await
            .map_err(CallError::Backend)?;
        self.publisher.send(&request).await.map_err(not_sent)?;
        let answer = pending.await.map_err(CallError::Backend)?;
        understand::<T>(answer)
    }
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
            let mut request = client
                .publisher
                .envelope(self, &options)
                .map_err(not_sent)?;
            check::<Self>(&request.payload).map_err(CallError::InvalidRequest)?;
            request.meta.is_rpc = true;
            request.meta.reply_to = client.results.reply_to();
            let clock = client.publisher.clock();
            tokio::select! {
                biased;
                result = client.ask::<Self>(request) => result,
                () = clock.sleep(timeout) => Err(CallError::Timeout { after: timeout }),
            }
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

fn understand<T: Request>(answer: Answer) -> Result<T::Response, CallError<T::Error>> {
    let first = match answer {
        Answer::NoHandlers => None,
        Answer::Completed(answers) => answers.into_iter().next(),
    };
    let Some(HandlerAnswer { handler, result }) = first else {
        return Err(CallError::NoHandler {
            topic: T::TOPIC.to_owned(),
        });
    };
    match result {
        HandlerResult::Success(value) => read(value).map_err(CallError::InvalidResponse),
        HandlerResult::Declared(value) => Err(read(value).map_or_else(
            |m: Mismatch| CallError::InvalidResponse(m),
            CallError::Declared,
        )),
        HandlerResult::Error(error) => Err(CallError::HandlerFailed { handler, error }),
    }
}
