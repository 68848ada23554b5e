//! Guards: what else must hold for a rule to fire.

use serde_json::{Map, Value as Json, json};

use super::builder::FieldName;
use super::operand::normalized;
use super::{Operand, Operator};

/// The `when` of a rule: conditions on the new row (or, by name, the old), combined.
///
/// ```
/// use celerysalt::rules::Guard;
///
/// let guard = Guard::all([
///     Guard::field("amount").gt("100.00"),
///     Guard::not(Guard::field("vip").eql(true)),
///     Guard::old("attempts").lt(3),
/// ]);
/// assert_eq!(guard.to_value()["all"][2]["field_name"]["old"], "attempts");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Guard {
    /// Each holds; holds when empty.
    All(Vec<Guard>),
    /// At least one holds; does not hold when empty.
    Any(Vec<Guard>),
    /// It does not hold.
    Not(Box<Guard>),
    /// A field's value satisfies an operator.
    Is(Condition),
}

/// One field, one operator, one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Whose value is looked at.
    pub subject: Subject,
    /// What is asked of it.
    pub operator: Operator,
    /// The value beside the operator; the literal null for operators that take none.
    pub value: Operand,
}

/// A field (or JSON path) of one of the two rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Of the row as it is saved.
    New(String),
    /// Of the row as it was; null on insert.
    Old(String),
}

impl Guard {
    /// Holds when each of these holds.
    pub fn all(guards: impl IntoIterator<Item = Guard>) -> Self {
        Self::All(guards.into_iter().collect())
    }

    /// Holds when one of these holds.
    pub fn any(guards: impl IntoIterator<Item = Guard>) -> Self {
        Self::Any(guards.into_iter().collect())
    }

    /// Holds when this does not.
    #[allow(clippy::should_implement_trait, reason = "reads like `all` and `any`")]
    pub fn not(guard: Guard) -> Self {
        Self::Not(Box::new(guard))
    }

    /// Begins a condition on a field of the new row; an operator's method ends it.
    pub fn field(field: impl Into<FieldName>) -> GuardField {
        GuardField(Subject::New(field.into().into_string()))
    }

    /// Begins a condition on a field of the old row.
    pub fn old(field: impl Into<FieldName>) -> GuardField {
        GuardField(Subject::Old(field.into().into_string()))
    }

    /// The JSON form.
    pub fn to_value(&self) -> Json {
        match self {
            Self::All(guards) => json!({ "all": values(guards) }),
            Self::Any(guards) => json!({ "any": values(guards) }),
            Self::Not(guard) => json!({ "not": guard.to_value() }),
            Self::Is(condition) => condition.to_value(),
        }
    }
}

fn values(guards: &[Guard]) -> Vec<Json> {
    guards.iter().map(Guard::to_value).collect()
}

impl Condition {
    fn to_value(&self) -> Json {
        let field = match &self.subject {
            Subject::New(field) => json!(field),
            Subject::Old(field) => json!({ "old": field }),
        };
        let mut map = Map::new();
        map.insert("field_name".into(), field);
        map.insert("operator".into(), self.operator.name().into());
        if self.operator.takes_value() {
            map.insert("value".into(), self.value.to_value());
        }
        Json::Object(map)
    }
}

/// A field that waits for its operator; made by [`Guard::field`] and [`Guard::old`].
#[derive(Debug, Clone)]
#[must_use = "an operator's method makes it a guard"]
pub struct GuardField(Subject);

impl GuardField {
    pub(super) fn is(self, operator: Operator, value: Operand) -> Guard {
        Guard::Is(Condition {
            subject: self.0,
            operator,
            value: normalized(operator, value),
        })
    }
}
