//! Schemas of requests, responses and declared errors, checked on both sides of a call.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use jsonschema::Validator;
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::catalog::{EventEntry, EventSchema, Role};

/// A value that does not fit its schema. Names the place, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{pointer}`: {reason}")]
#[non_exhaustive]
pub struct Mismatch {
    /// Where: a JSON pointer, empty for the whole.
    pub pointer: String,
    /// What does not fit.
    pub reason: String,
}

impl Mismatch {
    pub(crate) fn of(error: &jsonschema::ValidationError<'_>) -> Self {
        Self {
            pointer: error.instance_path().to_string(),
            reason: error.masked().to_string(),
        }
    }

    fn whole(reason: impl ToString) -> Self {
        Self {
            pointer: String::new(),
            reason: reason.to_string(),
        }
    }
}

/// Checks a value against the schema of a type, compiled once a process.
pub(super) fn check<T: JsonSchema + 'static>(value: &Value) -> Result<(), Mismatch> {
    static COMPILED: LazyLock<RwLock<HashMap<TypeId, Arc<Validator>>>> =
        LazyLock::new(RwLock::default);

    let id = TypeId::of::<T>();
    let known = COMPILED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&id)
        .cloned();
    let validator = match known {
        Some(validator) => validator,
        None => {
            let schema = SchemaGenerator::default().into_root_schema_for::<T>();
            let validator = Arc::new(compile(schema.into())?);
            let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
            compiled.insert(id, Arc::clone(&validator));
            validator
        }
    };
    validate(&validator, value)
}

/// Reads a value as a type, after a check against the type's schema.
pub(super) fn read<T: JsonSchema + DeserializeOwned + 'static>(
    value: Value,
) -> Result<T, Mismatch> {
    check::<T>(&value)?;
    // serde's own messages may quote the value.
    serde_json::from_value(value).map_err(|error| {
        Mismatch::whole(format!(
            "it fits the schema, but not the Rust type ({:?} error)",
            error.classify()
        ))
    })
}

/// Checks one side of an RPC by the types that are linked into this program; what is not linked passes.
pub(crate) fn check_linked(
    topic: &str,
    version: Option<&str>,
    role: Role,
    value: &Value,
) -> Result<(), Mismatch> {
    static LINKED: LazyLock<HashMap<(&str, Role), Vec<Linked>>> = LazyLock::new(|| {
        let mut linked: HashMap<_, Vec<_>> = HashMap::new();
        for entry in inventory::iter::<EventEntry>() {
            let same = linked.entry((entry.topic, entry.role)).or_default();
            same.push(Linked {
                entry,
                validator: OnceLock::new(),
            });
        }
        linked
    });

    let Some(versions) = LINKED.get(&(topic, role)) else {
        return Ok(());
    };
    let exact = versions
        .iter()
        .find(|linked| Some(linked.entry.version) == version);
    let Some(linked) = exact else {
        return Ok(());
    };
    let validator = linked
        .validator
        .get_or_init(|| compile((linked.entry.schema)()));
    validate(validator.as_ref().map_err(Clone::clone)?, value)
}

struct Linked {
    entry: &'static EventEntry,
    validator: OnceLock<Result<Validator, Mismatch>>,
}

fn compile(schema: Value) -> Result<Validator, Mismatch> {
    EventSchema::compile(schema)
        .map(|schema| schema.validator)
        .map_err(|error| Mismatch::whole(format!("the type's own schema is broken: {error}")))
}

fn validate(validator: &Validator, value: &Value) -> Result<(), Mismatch> {
    validator
        .validate(value)
        .map_err(|error| Mismatch::of(&error))
}
