//! What can be wrong with a message.

use serde_json::error::Category;

/// Why a message is no event. It names the place and never the value, which may be anybody's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body is in another form than JSON text in UTF-8.
    #[error(
        "the message is `{found}`; only `application/json` in UTF-8 is read: set Celery's `task_serializer` to \"json\""
    )]
    Content {
        /// The content type or encoding.
        found: String,
    },
    /// Some text is not JSON, or nested too deeply.
    #[error("{place} is not valid JSON ({category:?} error at line {line}, column {column})")]
    Json {
        /// Which text.
        place: &'static str,
        /// What kind of error.
        category: Category,
        /// Where, from 1.
        line: usize,
        /// Where, from 1; 0 is before the first.
        column: usize,
    },
    /// A part has another JSON type.
    #[error("{place} is {found}, not {expected}")]
    Shape {
        /// Which part.
        place: &'static str,
        /// What stands there.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The task is not a dispatcher's.
    #[error(
        "it is a message for task `{task}`; only `celery_salt.dispatch_event` and `tchu_tchu.dispatch_event` carry events: \
             route other tasks to another queue"
    )]
    ForeignTask {
        /// The task's name, cut to a readable length.
        task: String,
    },
    /// Neither the headers nor the body name a task.
    #[error("it names no task, neither in the headers (protocol 2) nor in the body (protocol 1)")]
    NoTask,
    /// Neither the headers, the properties nor the body have an id.
    #[error("it has no task id")]
    NoId,
    /// An instant cannot be read.
    #[error(
        "`{header}` is no instant: an ISO 8601 date and time, or for `expires` a number of seconds"
    )]
    Instant {
        /// Which header.
        header: &'static str,
    },
}

impl DecodeError {
    pub(super) fn json(place: &'static str, error: &serde_json::Error) -> Self {
        Self::Json {
            place,
            category: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Why an event cannot be written as a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event's data is no object.
    #[error(
        "the data of event `{topic}` is {found}; on the wire it is a JSON object of the event's fields"
    )]
    NotAnObject {
        /// The topic.
        topic: String,
        /// What it is.
        found: &'static str,
    },
    /// A field has the name under which metadata travels.
    #[error(
        "event `{topic}` has a field `_tchu_meta`, which is where its metadata travels; rename the field"
    )]
    ReservedField {
        /// The topic.
        topic: String,
    },
    /// The topic does not fit into a routing key.
    #[error("topic `{topic}` has {length} bytes; a routing key has at most 255")]
    TopicTooLong {
        /// The topic, cut.
        topic: String,
        /// Its length in bytes.
        length: usize,
    },
    /// Some value cannot be written as JSON.
    #[error("event `{topic}` cannot be written as JSON ({category:?} error)")]
    Json {
        /// The topic.
        topic: String,
        /// What kind of error.
        category: Category,
    },
}

/// The JSON type of a value, for errors.
pub(super) fn kind(value: &serde_json::Value) -> &'static str {
    use serde_json::Value;
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
