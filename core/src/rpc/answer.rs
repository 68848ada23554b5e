//! Answers, in the shape that Celery's dispatcher stores them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Mismatch, refusal};

/// What a worker answers to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The handlers ran; the caller takes the first result that is not null, else the first.
    Completed(Vec<HandlerAnswer>),
    /// The service has no handler for the topic and version.
    NoHandlers,
}

/// What one handler answers.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerAnswer {
    /// Its name.
    pub handler: String,
    /// What it came to.
    pub result: HandlerResult,
}

/// What a handler came to.
#[derive(Debug, Clone, PartialEq)]
pub enum HandlerResult {
    /// The response.
    Success(Value),
    /// The error that it declares.
    Declared(Value),
    /// It failed.
    Error(String),
    /// The request does not fit what the handler takes.
    InvalidRequest(Mismatch),
    /// What the handler came to fits neither the response nor the declared error.
    InvalidResponse(Mismatch),
}

/// A stored value that is no dispatcher's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored answer is not a dispatcher's: {reason}")]
pub struct AnswerError {
    /// What is missing or wrong.
    pub reason: String,
}

impl Answer {
    /// The dispatcher's result as celery-salt stores it (`result` of the task's `SUCCESS`). A declared error stands
    /// under `status: "success"` as in Python, marked by `declared`; what is invalid is an error, marked by `invalid`
    /// with its `pointer` and `reason`. Python looks at no such mark.
    pub fn to_celery(&self, topic: &str) -> Value {
        let handlers = match self {
            Self::NoHandlers => return json!({"status": "no_handlers", "routing_key": topic}),
            Self::Completed(handlers) => handlers,
        };
        let results: Vec<Value> = handlers
            .iter()
            .map(|HandlerAnswer { handler, result }| match result {
                HandlerResult::Success(value) => {
                    json!({"handler": handler, "status": "success", "result": value})
                }
                HandlerResult::Declared(value) => {
                    json!({"handler": handler, "status": "success", "result": value, "declared": true})
                }
                HandlerResult::Error(error) => {
                    json!({"handler": handler, "status": "error", "error": error})
                }
                HandlerResult::InvalidRequest(mismatch) => invalid(handler, REQUEST, mismatch),
                HandlerResult::InvalidResponse(mismatch) => invalid(handler, RESPONSE, mismatch),
            })
            .collect();
        json!({
            "status": "completed",
            "routing_key": topic,
            "is_rpc": true,
            "handlers_executed": results.len(),
            "results": results,
        })
    }

    /// Reads what a Rust or Python dispatcher stored. A success of the shape
    /// `{"error_code", "error_message", …}` is a declared error.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn from_celery(stored: &Value) -> Result<Self, AnswerError> {
        match stored["status"].as_str() {
            Some("no_handlers") => return Ok(Self::NoHandlers),
            Some("completed") => {}
            _ => return Err(wrong("`status` is neither `completed` nor `no_handlers`")),
        }
        let results = stored["results"]
            .as_array()
            .ok_or_else(|| wrong("`results` is not an array"))?;
        results
            .iter()
            .map(handler_answer)
            .collect::<Result<_, _>>()
            .map(Self::Completed)
    }
}

impl Answer {
    /// The result of a task as Celery's result backends store and publish it: the dispatcher's result, wrapped. `id` is
    /// the task's.
    pub fn to_task_result(&self, id: &str, topic: &str, now: DateTime<Utc>) -> Value {
        json!({
            "status": "SUCCESS",
            "result": self.to_celery(topic),
            "traceback": null,
            "children": [],
            "date_done": now.to_rfc3339_opts(SecondsFormat::Micros, false),
            "task_id": id,
        })
    }

    /// Reads a task's result. A task that failed as a whole is one handler's failure; a state that is not final (a
    /// worker that tracks starts and retries stores those) is no answer yet: `None`.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn from_task_result(stored: &Value) -> Result<Option<Self>, AnswerError> {
        match stored["status"].as_str() {
            Some("SUCCESS") => Self::from_celery(&stored["result"]).map(Some),
            Some("FAILURE" | "REVOKED") => Ok(Some(Self::Completed(vec![HandlerAnswer {
                handler: "the task".to_owned(),
                result: HandlerResult::Error(exception(&stored["result"])),
            }]))),
            Some(_) => Ok(None),
            None => Err(wrong("it has no `status`")),
        }
    }
}

/// `ValueError: no such order`, of Celery's `{"exc_type", "exc_message": [arguments], …}`.
fn exception(result: &Value) -> String {
    let kind = result["exc_type"].as_str().unwrap_or("the task failed");
    let words = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let message = match &result["exc_message"] {
        Value::Array(arguments) => arguments.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Null => return kind.to_owned(),
        other => words(other),
    };
    format!("{kind}: {message}")
}

const REQUEST: &str = "request";
const RESPONSE: &str = "response";

fn invalid(handler: &str, what: &str, mismatch: &Mismatch) -> Value {
    let Mismatch { pointer, reason } = mismatch;
    json!({
        "handler": handler,
        "status": "error",
        "error": format!("the {what} does not fit its schema {mismatch}"),
        "invalid": what,
        "pointer": pointer,
        "reason": reason,
    })
}

/// An entry of status `error`.
fn failure(entry: &Value) -> HandlerResult {
    let text = |key: &str| entry[key].as_str().map(str::to_owned);
    let error = text("error").unwrap_or_else(|| entry["error"].to_string());
    let mismatch = || Mismatch {
        pointer: text("pointer").unwrap_or_default(),
        reason: text("reason").unwrap_or_else(|| error.clone()),
    };
    match entry["invalid"].as_str() {
        Some(REQUEST) => HandlerResult::InvalidRequest(mismatch()),
        Some(RESPONSE) => HandlerResult::InvalidResponse(mismatch()),
        _ => refusal::of_celery_salt(&error)
            .map_or(HandlerResult::Error(error), HandlerResult::InvalidRequest),
    }
}

fn handler_answer(entry: &Value) -> Result<HandlerAnswer, AnswerError> {
    let result = match entry["status"].as_str() {
        Some("success") if is_declared(entry) => HandlerResult::Declared(entry["result"].clone()),
        Some("success") => HandlerResult::Success(entry["result"].clone()),
        Some("error") => failure(entry),
        _ => {
            return Err(wrong(
                "a result's `status` is neither `success` nor `error`",
            ));
        }
    };
    Ok(HandlerAnswer {
        handler: entry["handler"].as_str().unwrap_or_default().to_owned(),
        result,
    })
}

fn is_declared(entry: &Value) -> bool {
    entry["declared"] == Value::Bool(true)
        || (entry["result"]["error_code"].is_string()
            && entry["result"]["error_message"].is_string())
}

fn wrong(reason: &str) -> AnswerError {
    AnswerError {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_python_worker_stores() {
        let stored = json!({
            "status": "completed", "routing_key": "rpc.calculator.add", "is_rpc": true, "handlers_executed": 2,
            "results": [
                {"handler": "add", "status": "success", "result": {"result": 15.0, "operation": "add"}},
                {"handler": "divide", "status": "success",
                 "result": {"error_code": "DIVISION_BY_ZERO", "error_message": "no", "details": {}}},
                {"handler": "broken", "status": "error", "error": "boom"},
                {"handler": "add", "status": "error", "error":
                    "Event validation failed for topic 'x' (handler add): 1 validation error for Add\na\n  Field required [type=missing, …]"},
            ],
        });
        let Answer::Completed(answers) = Answer::from_celery(&stored).unwrap() else {
            unreachable!("it is completed");
        };
        assert!(matches!(&answers[0].result, HandlerResult::Success(v) if v["result"] == 15.0));
        assert!(matches!(&answers[1].result, HandlerResult::Declared(_)));
        assert_eq!(answers[2].result, HandlerResult::Error("boom".to_owned()));
        assert!(
            matches!(&answers[3].result, HandlerResult::InvalidRequest(m) if m.pointer == "/a")
        );
        let nobody = json!({"status": "no_handlers", "routing_key": "x"});
        assert_eq!(Answer::from_celery(&nobody), Ok(Answer::NoHandlers));
    }

    fn mismatch() -> Mismatch {
        Mismatch {
            pointer: "/a".to_owned(),
            reason: "is no number".to_owned(),
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let named = |handler: &str, result| HandlerAnswer {
            handler: handler.to_owned(),
            result,
        };
        let answer = Answer::Completed(vec![
            named("a", HandlerResult::Success(json!(1))),
            named("b", HandlerResult::Declared(json!("no"))),
            named("c", HandlerResult::Error("boom".to_owned())),
            named("d", HandlerResult::InvalidRequest(mismatch())),
            named("e", HandlerResult::InvalidResponse(mismatch())),
        ]);
        let stored = answer.to_celery("x.y");
        assert_eq!(stored["handlers_executed"], 5);
        // What Python shows.
        assert_eq!(
            stored["results"][3]["error"],
            "the request does not fit its schema at `/a`: is no number"
        );
        assert_eq!(Answer::from_celery(&stored), Ok(answer));
    }

    #[test]
    fn a_task_that_failed_as_a_whole_is_a_failure() {
        let failed = json!({"status": "FAILURE", "task_id": "1", "traceback": "…",
            "result": {"exc_type": "ValueError", "exc_message": ["no order", 7], "exc_module": "builtins"}});
        let Ok(Some(Answer::Completed(answers))) = Answer::from_task_result(&failed) else {
            unreachable!("it is final");
        };
        assert_eq!(
            answers[0].result,
            HandlerResult::Error("ValueError: no order, 7".to_owned())
        );
        assert_eq!(
            Answer::from_task_result(&json!({"status": "STARTED", "result": null})),
            Ok(None)
        );
        assert!(Answer::from_task_result(&json!([])).is_err());
    }

    #[test]
    fn a_task_result_reads_the_same() {
        let stored = Answer::NoHandlers.to_task_result("7", "x.y", DateTime::UNIX_EPOCH);
        assert_eq!(stored["date_done"], "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(
            Answer::from_task_result(&stored),
            Ok(Some(Answer::NoHandlers))
        );
    }

    #[test]
    fn refuses_another_shape() {
        for stored in [
            json!(null),
            json!({"status": "completed"}),
            json!({"status": "?"}),
        ] {
            assert!(Answer::from_celery(&stored).is_err());
        }
    }
}
