//! The answer to an RPC, put together of what its handlers came to.

use super::runner::Outcome;
use crate::event::Envelope;
use crate::rpc::{Answer, HandlerAnswer, HandlerResult, SharedResultBackend};
use crate::telemetry::count;

/// Collects what handlers came to; nothing is collected for a broadcast.
pub(super) struct Answers<'a> {
    request: &'a Envelope,
    results: Vec<HandlerAnswer>,
    pending: bool,
}

impl<'a> Answers<'a> {
    pub(super) fn to(request: &'a Envelope) -> Self {
        Self {
            request,
            results: Vec::new(),
            pending: false,
        }
    }

    pub(super) fn add(&mut self, handler: &str, outcome: &Outcome) {
        if !self.request.meta.is_rpc {
            return;
        }
        let result = match outcome {
            Outcome::Done(value) => HandlerResult::Success(value.clone()),
            Outcome::Declared(value) => HandlerResult::Declared(value.clone()),
            Outcome::Dead(reason) => HandlerResult::Error(reason.error.clone()),
            Outcome::Retry { .. } => return self.wait_for_more(),
        };
        self.results.push(HandlerAnswer {
            handler: handler.to_owned(),
            result,
        });
    }

    /// A handler has not come to its end: a failure of another one is no answer yet.
    pub(super) fn wait_for_more(&mut self) {
        self.pending = true;
    }

    /// Sends the answer, if there is one by now. The caller takes the first result, so successes go first.
    /// A backend that fails is reported; the event is done all the same, for its handlers ran.
    pub(super) async fn send(mut self, backend: Option<&SharedResultBackend>) {
        let failed = |answer: &HandlerAnswer| matches!(answer.result, HandlerResult::Error(_));
        if self.results.iter().all(failed) && (self.pending || self.results.is_empty()) {
            return;
        }
        self.results.sort_by_key(failed);
        store(self.request, &Answer::Completed(self.results), backend).await;
    }
}

/// Tells the caller of an RPC that nobody is there.
pub(super) async fn no_handlers(request: &Envelope, backend: Option<&SharedResultBackend>) {
    if request.meta.is_rpc {
        store(request, &Answer::NoHandlers, backend).await;
    }
}

async fn store(request: &Envelope, answer: &Answer, backend: Option<&SharedResultBackend>) {
    let Some(backend) = backend else {
        tracing::warn!(
            event_id = %request.id,
            topic = %request.topic,
            "an answer is lost: the worker has no result backend"
        );
        return;
    };
    if let Err(error) = backend.store(request, answer).await {
        count::answer_error();
        tracing::error!(event_id = %request.id, topic = %request.topic, %error, "an answer is lost");
    }
}
