//! Which handlers of a service answer a call, and which only listen to it.

use serde_json::Value;

use super::HandlerTable;
use crate::catalog::Role;
use crate::event::Envelope;
use crate::rpc::check_linked;

/// What a handler is to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Whatever it comes to is an answer.
    Answers,
    /// So it is unless it comes to nothing (null), as a subscriber does that is there for its effects.
    MayAnswer,
    /// It never answers: others have the very topic, and it subscribes to many.
    Listens,
}

impl Part {
    /// The part of the handler of this name. Who is not among those that take the event speaks for it as a whole.
    pub(super) fn of(table: &HandlerTable, name: &str, request: &Envelope) -> Self {
        let matching = table.matching(request);
        let has_topic = |pattern: &str| pattern == request.topic;
        let answering = matching
            .iter()
            .filter(|def| has_topic(&def.pattern))
            .count();
        match matching.iter().find(|def| def.name == name) {
            None => Self::Answers,
            Some(def) if has_topic(&def.pattern) => match answering {
                1 => Self::Answers,
                _ if is_response(request, &Value::Null) => Self::Answers,
                _ => Self::MayAnswer,
            },
            Some(_) if answering > 0 => Self::Listens,
            Some(_) => Self::MayAnswer,
        }
    }

    /// Whether what it returned is an answer.
    pub(super) fn answers_with(self, value: &Value) -> bool {
        match self {
            Self::Answers => true,
            Self::MayAnswer => !value.is_null(),
            Self::Listens => false,
        }
    }
}

fn is_response(request: &Envelope, value: &Value) -> bool {
    let version = request.version.as_deref();
    check_linked(&request.topic, version, Role::Response, value).is_ok()
}
