//! What can be wrong with rules: where, what, and how to mend it.

use std::fmt;

use super::Operator;

/// Every problem that was found in a list of rules. Displays one a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct RuleErrors(pub(super) Vec<RuleError>);

impl RuleErrors {
    /// The problems, in the order of the rules.
    pub fn iter(&self) -> std::slice::Iter<'_, RuleError> {
        self.0.iter()
    }

    /// Names rules that could not be named by id by their position.
    pub(super) fn number(&mut self, index: usize) {
        for error in &mut self.0 {
            if error.rule == RuleName::Index(0) {
                error.rule = RuleName::Index(index);
            }
        }
    }

    /// How many; never 0.
    #[allow(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl IntoIterator for RuleErrors {
    type Item = RuleError;
    type IntoIter = std::vec::IntoIter<RuleError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a RuleErrors {
    type Item = &'a RuleError;
    type IntoIter = std::slice::Iter<'a, RuleError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn lines(errors: &[RuleError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// One problem of one rule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{rule}{}: {kind}", at(.path))]
#[non_exhaustive]
pub struct RuleError {
    /// Which rule.
    pub rule: RuleName,
    /// Where in it: `value`, `when.all[0].value`, `event_data.amount`; empty for the rule as a whole.
    pub path: String,
    /// What is wrong, and how to mend it.
    pub kind: RuleErrorKind,
}

fn at(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!(", `{path}`"),
    }
}

/// How an error names a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RuleName {
    /// By its id.
    Id(String),
    /// By its position in the list, from 0; for entries without a readable id.
    Index(usize),
    /// The list as a whole.
    List,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "rule `{}`", super::view::shortened(id)),
            Self::Index(index) => write!(f, "rule #{index}"),
            Self::List => f.write_str("rules"),
        }
    }
}

/// What is wrong with a rule. Displays as problem and remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by the messages")]
pub enum RuleErrorKind {
    /// The column is not JSON.
    #[error("the rules are not JSON ({reason}); write a JSON array of rules")]
    NotJson { reason: String },
    /// The column is not an array.
    #[error("the rules are {found}, not an array; write `[…]`")]
    NotAList { found: &'static str },
    /// A key that no rule has.
    #[error("unknown key `{key}`{}; known keys: {}", did_you_mean(.nearest), list(.known))]
    UnknownKey {
        key: String,
        nearest: Option<String>,
        known: Vec<&'static str>,
    },
    /// A key that must be there.
    #[error("the key `{key}` is missing; add it")]
    MissingKey { key: &'static str },
    /// A JSON value of the wrong kind.
    #[error("{found} stands where {expected} is expected")]
    WrongType {
        expected: &'static str,
        found: String,
    },
    /// An id that is empty or too long.
    #[error("an id has 1 to 200 characters, this one has {length}; shorten it, or leave it out")]
    BadId { length: usize },
    /// Two rules of one list with the same id.
    #[error("another rule has the same id; change it, or leave it out")]
    DuplicateId,
    /// An empty `on`.
    #[error(
        "names no operation, so the rule never fires; use `\"enabled\": false` to switch it off"
    )]
    NoOperation,
    /// An operator that does not exist.
    #[error("unknown operator `{operator}`{}; operators: {}", did_you_mean(.nearest), operators(&Operator::ALL))]
    UnknownOperator {
        operator: String,
        nearest: Option<String>,
    },
    /// A value beside an operator that takes none.
    #[error("`{operator}` takes no value; remove the value, or use another operator")]
    NeedlessValue { operator: Operator },
    /// A field that the model does not have.
    #[error("`{model}` has no field `{field}`{}", did_you_mean_or(.nearest, .known))]
    UnknownField {
        field: String,
        model: String,
        nearest: Option<String>,
        known: Vec<String>,
    },
    /// A dotted path into a field that is no JSON.
    #[error("`{field}` is {ty}, and a dotted path reaches only into JSON fields; use `{field}`")]
    NotAJsonField { field: String, ty: String },
    /// A dotted path with an empty segment.
    #[error("the path `{path}` has an empty segment; write `field.key.0`")]
    EmptySegment { path: String },
    /// A field whose type carries no rules.
    #[error("`{field}` is of type `{ty}`, on which no rule can stand; use another field")]
    UnsupportedField { field: String, ty: String },
    /// An operator that has no meaning on the field's type.
    #[error("`{operator}` has no meaning on `{field}`, which is {ty}; use one of {}", operators(.allowed))]
    OperatorOnType {
        operator: Operator,
        field: String,
        ty: String,
        allowed: Vec<Operator>,
    },
    /// A literal that cannot be read as the field's type.
    #[error("{found} cannot be read as {ty}; write {expected}")]
    Unreadable {
        found: String,
        ty: String,
        expected: String,
    },
    /// A null literal where it would never hold.
    #[error(
        "null satisfies only `is_null` and `eql null`, never `{operator}`; use `is_null` or `not_null`"
    )]
    NullLiteral { operator: Operator },
    /// A list where one value belongs, or the other way round.
    #[error("`{operator}` takes {expected}")]
    Shape {
        operator: Operator,
        expected: &'static str,
    },
    /// `between` with its ends exchanged.
    #[error("low is greater than high, so nothing lies between; exchange them")]
    EmptyRange,
    /// A negative amount.
    #[error("`{operator}` takes an amount of at least 0; use `{opposite}` for the other direction")]
    NegativeAmount {
        operator: Operator,
        opposite: Operator,
    },
    /// Two fields that cannot be compared.
    #[error(
        "`{field}` is {ty} and `{other}` is {other_ty}: these cannot be compared; name a field of a like type"
    )]
    Incomparable {
        field: String,
        ty: String,
        other: String,
        other_ty: String,
    },
    /// An operator that needs two rows where only one is looked at.
    #[error(
        "`{operator}` compares the old row with the new, and here only the old is looked at; use another operator"
    )]
    OneRow { operator: Operator },
    /// A regular expression that does not compile.
    #[error("the regular expression does not compile: {reason}")]
    Regex { reason: String },
    /// More than a limit allows.
    #[error(
        "{what}: {found}, and at most {limit} are allowed; make it smaller, or raise the model's `Limits`"
    )]
    Limit {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    /// An event that nobody knows.
    #[error("unknown event `{event}`{}; declare it with `#[event]`, or mend the name", did_you_mean_any(.similar))]
    UnknownEvent { event: String, similar: Vec<String> },
    /// An event that rules of this model may not emit.
    #[error("rules of `{model}` may not emit `{event}`; allowed: {}", names(.allowed))]
    EventNotAllowed {
        event: String,
        model: String,
        allowed: Vec<String>,
    },
    /// Event data that does not compile.
    #[error("{0}")]
    Template(crate::template::TemplateErrorKind),
    /// Event data that could not be rendered for this row.
    #[error("the event data cannot be rendered: {reason}")]
    Render { reason: String },
    /// Event data that cannot satisfy the event's schema.
    #[error("does not fit the schema of `{topic}`: {problem}")]
    Misfit { topic: String, problem: String },
}

pub(super) fn names(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn list(names: &[&str]) -> String {
    names.join(", ")
}

fn operators(operators: &[Operator]) -> String {
    let names: Vec<&str> = operators.iter().map(|op| op.name()).collect();
    names.join(", ")
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

fn did_you_mean_or(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; its fields: {}", names(known)),
    }
}

fn did_you_mean_any(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        similar => format!(", did you mean {}?", names(similar)),
    }
}
