//! What can be wrong with event data: when it is compiled, when it is rendered, and against a schema.

use super::limits;

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
    #[error("event data is {found}; it must be an object: {{\"key\": …}}")]
    NotAnObject {
        /// What it is instead, e.g. `an array`.
        found: &'static str,
    },
    /// Nested too deep.
    #[error("nested deeper than {} levels; flatten the event data", limits::DEPTH)]
    TooDeep,
    /// Too many expressions.
    #[error(
        "more than {} expressions in one event; send fewer",
        limits::EXPRESSIONS
    )]
    TooManyExpressions,
    /// An expression that is too long.
    #[error(
        "an expression of {found} names, operators and brackets, and at most {} are allowed; \
         split it, or calculate before the save",
        limits::TOKENS
    )]
    ExpressionTooLong {
        /// How many it has.
        found: usize,
    },
    /// An expression in a key.
    #[error("an object's key is taken as it stands; put `{{{{ … }}}}` into the value instead")]
    KeyExpression,
    /// U+0000 in a string or a key.
    #[error("it holds the character U+0000, which PostgreSQL cannot store; leave it out")]
    Nul,
    /// `{{` without its `}}`.
    #[error(
        "`{{{{` without its `}}}}`; close it, or write a literal `{{{{` as `{{{{ \"{{{{\" }}}}`"
    )]
    Unclosed,
    /// Brackets that do not match.
    #[error("the brackets do not match; close each one that is open before `}}}}`")]
    Brackets,
    /// Brackets too deep inside each other.
    #[error(
        "more than {} brackets inside each other; split the expression",
        limits::BRACKETS
    )]
    BracketsTooDeep,
    /// `{{ }}`.
    #[error("an empty expression; name a field: `{{{{ id }}}}`")]
    EmptyExpression,
    /// `{{-` or `{{+`.
    #[error("`{{{{-` and `{{{{+` are not known here; leave a space behind `{{{{`")]
    WhitespaceControl,
    /// `{% … %}`.
    #[error(
        "event data has no `{{% … %}}` blocks, only `{{{{ expression }}}}`; write a condition as \
         `{{{{ a if b else c }}}}`, and a literal `{{%` as `{{{{ \"{{%\" }}}}`"
    )]
    Block,
    /// The template language does not accept the expression.
    #[error("`{expression}` is not an expression: {detail}; see minijinja's syntax")]
    Syntax {
        /// The expression.
        expression: String,
        /// The parser's words.
        detail: String,
    },
    /// A name that is no field.
    #[error("unknown field `{name}`; {remedy}")]
    UnknownField {
        /// The name as written, e.g. `old.stauts`.
        name: String,
        /// The nearest name, or all of them.
        remedy: String,
    },
    /// `old`, `new` or `rule` alone.
    #[error("`{root}` needs a name behind it; write for example `{root}.{example}`")]
    RootAlone {
        /// The name as written.
        root: String,
        /// A name that would do.
        example: String,
    },
    /// A path into a field that has no parts.
    #[error("`{name}` is {ty} and has no parts; only JSON fields can be reached into")]
    NoParts {
        /// The field.
        name: String,
        /// Its type, in words.
        ty: String,
    },
    /// A field whose type cannot be sent.
    #[error("field `{name}` has type {ty}, which event data cannot carry; leave it out")]
    Unsupported {
        /// The field.
        name: String,
        /// The type's own name.
        ty: String,
    },
    /// A call of something that is no function.
    #[error(
        "`{name}(…)` is no function; there are `range` and `dict`, and filters: `{{{{ name|upper }}}}`"
    )]
    Call {
        /// What is called.
        name: String,
    },
    /// A filter that does not exist.
    #[error("unknown filter `{name}`; minijinja's built-in filters are known{remedy}")]
    UnknownFilter {
        /// The name.
        name: String,
        /// The nearest name.
        remedy: String,
    },
    /// A test that does not exist.
    #[error("unknown test `{name}`; minijinja's built-in tests are known{remedy}")]
    UnknownTest {
        /// The name.
        name: String,
        /// The nearest name.
        remedy: String,
    },
    /// Arithmetic or comparison that would not be exact.
    #[error(
        "`{operator}` does not work on `{field}`: {ty} is sent exactly as it is; \
         compare it in the rule's `when`, or send it and let the receiver calculate"
    )]
    Inexact {
        /// The operator, filter or test.
        operator: String,
        /// The field.
        field: String,
        /// `a decimal` or `an instant`.
        ty: &'static str,
    },
}

/// A template that compiled but could not be rendered for this row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {kind}")]
#[non_exhaustive]
pub struct RenderError {
    /// Where: `event_data.items[0].amount`.
    pub path: String,
    /// What went wrong.
    pub kind: RenderErrorKind,
}

/// What went wrong while rendering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderErrorKind {
    /// The expression did too much work.
    #[error("the expression ran out of fuel; make it do less")]
    OutOfFuel,
    /// One string grew too long.
    #[error("the text is longer than {} KiB; send less", limits::TEXT / 1024)]
    TextTooLong,
    /// All data together grew too long.
    #[error("the event data is longer than {} MiB; send less", limits::TOTAL / 1024 / 1024)]
    DataTooLong,
    /// A computed value has no place in JSON.
    #[error("{what} cannot be sent as JSON; send a number, text, list or map")]
    NotJson {
        /// What it is, in words.
        what: String,
    },
    /// The expression failed.
    #[error("{detail}; mend the expression, or guard it with `… if … else …`")]
    Failed {
        /// The template engine's words; they hold no values.
        detail: String,
    },
}

/// Event data that cannot satisfy the event's schema, whatever the row holds.
///
/// Displays as problem and remedy, without the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Misfit {
    /// Where: `event_data.items[0].amount`.
    pub path: String,
    /// What does not fit, and how to mend it.
    pub message: String,
}
