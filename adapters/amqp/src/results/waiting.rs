//! The callers of this process who wait for answers over RabbitMQ.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use celerysalt::rpc::{Answer, AnswerError, PendingAnswer, ResultError};
use lapin::message::Delivery;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

type Callers = HashMap<Uuid, Caller>;

struct Caller {
    answer: oneshot::Sender<Result<Answer, ResultError>>,
    /// The channel over which the request went out, where the answer comes over the same.
    over: Option<Uuid>,
}

/// Who waits, by request. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<Callers>>);

impl Waiting {
    /// A place for the answer to a request, given up when the future is dropped.
    pub(super) fn wait(&self, request: Uuid) -> PendingAnswer {
        let (sender, answer) = oneshot::channel();
        let caller = Caller {
            answer: sender,
            over: None,
        };
        self.callers().insert(request, caller);
        let place = Place {
            waiting: self.clone(),
            request,
        };
        Box::pin(async move {
            let _place = place;
            let gone = || unreachable("another caller of the same request took the answer");
            answer.await.unwrap_or_else(|_| Err(gone()))
        })
    }

    /// Hands an answer to its caller, if it is one and the caller still waits.
    pub(super) fn hear(&self, delivery: &Delivery) {
        let correlated = delivery.properties.correlation_id().as_ref();
        let Some(request) = correlated.and_then(|id| Uuid::parse_str(id.as_str()).ok()) else {
            return;
        };
        let Some(answer) = read(&delivery.data).transpose() else {
            return;
        };
        if let Some(caller) = self.callers().remove(&request) {
            // A caller who waits no more needs no answer.
            let _ = caller.answer.send(answer);
        }
    }

    /// The answer to this request can come over this channel only.
    pub(super) fn goes_over(&self, request: Uuid, channel: Uuid) {
        if let Some(caller) = self.callers().get_mut(&request) {
            caller.over = Some(channel);
        }
    }

    /// Whether somebody waits for an answer over this channel.
    pub(super) fn any_over(&self, channel: Uuid) -> bool {
        let callers = self.callers();
        callers.values().any(|caller| caller.over == Some(channel))
    }

    /// Answers that are on their way now have nowhere to come to: whoever waits learns it at once.
    pub(super) fn lost(&self) {
        tell(self.callers().drain().map(|(_, caller)| caller));
    }

    /// As [`lost`](Self::lost), for the answers over one channel.
    pub(super) fn lost_over(&self, channel: Uuid) {
        let mut callers = self.callers();
        let lost = callers.extract_if(|_, caller| caller.over == Some(channel));
        tell(lost.map(|(_, caller)| caller));
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(lost: impl Iterator<Item = Caller>) {
    for caller in lost {
        let reason = "the connection for answers was lost";
        // A caller who waits no more needs to know nothing.
        let _ = caller.answer.send(Err(unreachable(reason)));
    }
}

/// A caller's place; given up when it has the answer or waits no more.
struct Place {
    waiting: Waiting,
    request: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.callers().remove(&self.request);
    }
}

pub(super) fn unreachable(reason: impl Into<String>) -> ResultError {
    ResultError::Unreachable {
        reason: reason.into(),
    }
}

/// The answer, if the result is final.
fn read(body: &[u8]) -> Result<Option<Answer>, ResultError> {
    let stored: Value = serde_json::from_slice(body).map_err(|error| {
        let reason = format!("it is no JSON ({:?} error)", error.classify());
        ResultError::Answer(AnswerError { reason })
    })?;
    Answer::from_task_result(&stored).map_err(ResultError::from)
}
