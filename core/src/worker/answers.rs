//! The answer to an RPC, put together of what its handlers came to.

use std::time::Duration;

use super::part::Part;
use super::runner::{Fault, Outcome};
use super::service::Service;
use crate::event::Envelope;
use crate::rpc::{Answer, HandlerAnswer, HandlerResult, ResultBackend, ResultError};
use crate::telemetry::count;

/// Collects what handlers came to; nothing is collected for a broadcast.
pub(super) struct Answers<'a> {
    request: &'a Envelope,
    service: &'a Service,
    results: Vec<(Rank, HandlerAnswer)>,
    pending: bool,
}

/// The order of the results, for callers take the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A response, or a declared error.
    Value,
    Failure,
    /// Of a handler that has no more to say than that it is done.
    Nothing,
}

impl<'a> Answers<'a> {
    pub(super) fn to(request: &'a Envelope, service: &'a Service) -> Self {
        Self {
            request,
            service,
            results: Vec::new(),
            pending: false,
        }
    }

    pub(super) fn add(&mut self, handler: &str, outcome: &Outcome) {
        if !self.request.meta.is_rpc {
            return;
        }
        let part = self.part(handler);
        let (rank, result) = match outcome {
            Outcome::Retry { .. } => return self.wait_for(handler),
            _ if part == Part::Listens => return,
            Outcome::Done(value) if !part.answers_with(value) => return,
            Outcome::Done(value) => (
                match value.is_null() {
                    true => Rank::Nothing,
                    false => Rank::Value,
                },
                HandlerResult::Success(value.clone()),
            ),
            Outcome::Declared(value) => (Rank::Value, HandlerResult::Declared(value.clone())),
            Outcome::Dead(reason, fault) => (Rank::Failure, failure(&reason.error, fault)),
        };
        let handler = handler.to_owned();
        self.results.push((rank, HandlerAnswer { handler, result }));
    }

    /// A handler has not come to its end: what is no value of another one is no answer yet.
    pub(super) fn wait_for(&mut self, handler: &str) {
        if self.request.meta.is_rpc {
            self.pending |= self.part(handler) != Part::Listens;
        }
    }

    fn part(&self, handler: &str) -> Part {
        Part::of(&self.service.table, handler, self.request)
    }

    /// Sends the answer, if there is one by now; the caller takes the first result.
    /// A backend that fails for long is reported; the event is done all the same, for its handlers ran.
    pub(super) async fn send(mut self) {
        self.results.sort_by_key(|(rank, _)| *rank);
        match self.results.first() {
            Some((Rank::Value, _)) => {}
            Some((Rank::Failure | Rank::Nothing, _)) if !self.pending => {}
            _ => return,
        }
        let results = self.results.into_iter().map(|(_, result)| result);
        let answer = Answer::Completed(results.collect());
        store(self.request, &answer, self.service).await;
    }
}

fn failure(error: &str, fault: &Fault) -> HandlerResult {
    match fault {
        Fault::Handler => HandlerResult::Error(error.to_owned()),
        Fault::Request(mismatch) => HandlerResult::InvalidRequest(mismatch.clone()),
        Fault::Response(mismatch) => HandlerResult::InvalidResponse(mismatch.clone()),
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
    let Err(error) = store_in_time(request, answer, &**backend, service).await else {
        return;
    };
    count::answer_error();
    let lost = match in_place_of(answer, &error) {
        Some(failure) => {
            tracing::error!(event_id = %request.id, topic = %request.topic, %error, "the caller is told so in place of the answer");
            let told = store_in_time(request, &failure, &**backend, service).await;
            told.err()
        }
        None => Some(error),
    };
    if let Some(error) = lost {
        tracing::error!(event_id = %request.id, topic = %request.topic, %error, "an answer is lost");
    }
}

/// What the caller gets where an answer can never be stored: the failure of the handler whose result it would have taken.
fn in_place_of(answer: &Answer, error: &ResultError) -> Option<Answer> {
    let (Answer::Completed(results), ResultError::TooLarge { .. }) = (answer, error) else {
        return None;
    };
    let failure = HandlerAnswer {
        handler: results.first()?.handler.clone(),
        result: HandlerResult::Error(error.to_string()),
    };
    Some(Answer::Completed(vec![failure]))
}

async fn store_in_time(
    request: &Envelope,
    answer: &Answer,
    backend: &dyn ResultBackend,
    service: &Service,
) -> Result<(), ResultError> {
    tokio::select! {
        biased;
        stored = try_store(request, answer, backend, service) => stored,
        () = service.clock().sleep(PATIENCE) => Err(ResultError::Unreachable {
            reason: format!("it did not store the answer within {PATIENCE:?}"),
        }),
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
