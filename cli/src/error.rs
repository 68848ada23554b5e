//! What ends the command with exit code 2.

use std::io;

use celerysalt::catalog::SchemaError;
use celerysalt::rules::{EvaluateError, RuleErrorKind};

/// Input that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("{file}: cannot be read: {source}; check the path")]
    Unreadable { file: String, source: io::Error },
    #[error("{file}: not JSON: {source}; mend the file")]
    NotJson {
        file: String,
        source: serde_json::Error,
    },
    #[error("{file}: {found} stands where {expected} is expected")]
    WrongShape {
        file: String,
        found: &'static str,
        expected: &'static str,
    },
    #[error(
        "{file}: not a model: {source}; write {{\"name\": \"order\", \"fields\": {{\"status\": \"string\"}}}}"
    )]
    BadModel {
        file: String,
        source: serde_json::Error,
    },
    #[error("{file}: field `{field}` has the unknown type `{ty}`; {remedy}")]
    UnknownType {
        file: String,
        field: String,
        ty: String,
        remedy: String,
    },
    #[error("{file}: the model has no field `{field}`; {remedy}")]
    UnknownField {
        file: String,
        field: String,
        remedy: String,
    },
    #[error(
        "{file}: field `{field}` is null; give it a value, or make it nullable in the model: `{ty}?`"
    )]
    NullField {
        file: String,
        field: String,
        ty: &'static str,
    },
    #[error("{file}: field `{field}`: {source}")]
    BadValue {
        file: String,
        field: String,
        source: Box<RuleErrorKind>,
    },
    #[error("{file}: event `{topic}`: {source}; mend the schema")]
    BadSchema {
        file: String,
        topic: String,
        source: SchemaError,
    },
    #[error("{op} needs {what}")]
    MissingRow {
        op: &'static str,
        what: &'static str,
    },
    #[error("an insert has no old row; leave out --old, or use --op update")]
    OldOnInsert,
    #[error("{0}")]
    Evaluate(#[from] EvaluateError),
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
}
