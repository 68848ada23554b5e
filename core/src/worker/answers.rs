//! The answer to an RPC, put together of what its handlers came to.

use std::time::Duration;

use super::runner::Outcome;
use super::service::Service;
use crate::event::Envelope;
use crate::rpc::{Answer, HandlerAnswer, HandlerResult, ResultBackend, ResultError};
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
    /// A backend that fails for long is reported; the event is done all the same, for its handlers ran.
    pub(super) async fn send(mut self, service: &Service) {
        let failed = |answer: &HandlerAnswer| matches!(answer.result, HandlerResult::Error(_));
        if self.results.iter().all(failed) && (self.pending || self.results.is_empty()) {
            return;
        }
        self.results.sort_by_key(failed);
        store(self.request, &Answer::Completed(self.results), service).await;
    }
}

/// Tells the caller of an RPC that nobody is there.
pub(super) async fn no_handlers(request: &Envelope, service: &Service) {
    if request.meta.is_rpc {
        store(request, &Answer::NoHandlers, service).await;
    }
}

/// How often an answer is tried to be stored.
const TRIES: u32 = 12;
/// How long all tries may take together: as long as a backend takes to start again. Meanwhile the answer holds a place of
/// its worker.
const PATIENCE: Duration = Duration::from_secs(10);
/// The wait after the first try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

async fn store(request: &Envelope, answer: &Answer, service: &Service) {
    let Some(backend) = &service.results else {
        tracing::warn!(
            event_id = %request.id,
            topic = %request.topic,
            "an answer is lost: the worker has no result backend"
        );
        return;
    };
    let given_up = tokio::select! {
        biased;
        stored = try_store(request, answer, &**backend, service) => stored.err(),
        () = service.clock().sleep(PATIENCE) => Some(ResultError::Unreachable {
            reason: format!("it did not store the answer within {PATIENCE:?}"),
        }),
    };
    if let Some(error) = given_up {
        count::answer_error();
        tracing::error!(event_id = %request.id, topic = %request.topic, %error, "an answer is lost");
    }
}

async fn try_store(
    request: &Envelope,
    answer: &Answer,
    backend: &dyn ResultBackend,
    service: &Service,
) -> Result<(), ResultError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match backend.store(request, answer).await {
            Err(ResultError::Unreachable { reason }) => {
                tracing::debug!(event_id = %request.id, reason, ?wait, "an answer is tried again");
                service.clock().sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            stored => return stored,
        }
    }
    backend.store(request, answer).await
}
