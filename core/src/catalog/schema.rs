//! A JSON Schema with its validator.

use serde_json::Value;

/// A JSON Schema with its compiled validator.
pub struct EventSchema {
    /// The document.
    pub document: Value,
    /// The validator, compiled once.
    pub validator: jsonschema::Validator,
}

impl EventSchema {
    /// Compiles a schema. `format` is checked; references to files and the network are not followed.
    ///
    /// ```
    /// use celerysalt::catalog::EventSchema;
    /// use serde_json::json;
    ///
    /// let schema = EventSchema::compile(json!({"properties": {"id": {"type": "string", "format": "uuid"}}}))?;
    /// assert!(!schema.validator.is_valid(&json!({"id": "not one"})));
    /// # Ok::<(), celerysalt::catalog::SchemaError>(())
    /// ```
    ///
    /// # Errors
    /// When the document is not a JSON Schema, or refers to something outside itself.
    pub fn compile(document: Value) -> Result<Self, SchemaError> {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&document)
            .map_err(|error| SchemaError {
                pointer: error.instance_path().to_string(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            document,
            validator,
        })
    }
}

impl std::fmt::Debug for EventSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventSchema")
            .field("document", &self.document)
            .finish_non_exhaustive()
    }
}

/// A document that is not a usable JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usable JSON Schema, at `{pointer}`: {reason}")]
#[non_exhaustive]
pub struct SchemaError {
    /// Where in the document: a JSON pointer, empty for the whole.
    pub pointer: String,
    /// What is wrong.
    pub reason: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_that_is_no_schema_says_where() {
        let error =
            EventSchema::compile(json!({"properties": {"a": {"type": "strin"}}})).unwrap_err();
        assert_eq!(error.pointer, "/properties/a/type");
    }

    #[test]
    fn a_reference_to_the_network_is_refused() {
        let error = EventSchema::compile(json!({"$ref": "http://127.0.0.1:1/schema.json"}));
        assert!(error.is_err());
    }
}
