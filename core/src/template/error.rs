//! What can be wrong with event data: when it is compiled, when it is rendered, and against a schema.

/// A template that cannot be used; found when a rule is checked, never while a row is saved.
///
/// Displays as problem and remedy, without the path, so that a caller can put it into its own line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct TemplateError {
    /// Where: `event_data.items[0].amount`.
    pub path: String,
    /// What is wrong, and how to mend it.
    pub kind: TemplateErrorKind,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// The event data is not a JSON object.
    #[error("event data is {found}, not an object; write it as {{\"key\": …}}")]
    NotAnObject {
        /// What it is instead, e.g. `an array`.
        found: &'static str,
    },
}

/// A template that compiled but could not be rendered for this row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
#[non_exhaustive]
pub struct RenderError {
    /// Where: `event_data.items[0].amount`.
    pub path: String,
    /// What went wrong.
    pub message: String,
}

/// Event data that cannot satisfy the event's schema, whatever the row holds.
///
/// Displays as problem and remedy, without the path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misfit {
    /// Where: `event_data.items[0].amount`.
    pub path: String,
    /// What does not fit, and how to mend it.
    pub message: String,
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
