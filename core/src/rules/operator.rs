//! The operators, and on which types each has a meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::FieldType;

/// What a rule asks of a value.
///
/// Null satisfies only `is_null` and `eql null` (and `changed`, when the other side is not null).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operator {
    /// Equals the value. With a null value: is null.
    Eql,
    /// Does not equal the value; false for null, unless the value is null: then it is "is not null".
    Neq,
    /// Is greater (text: by code point; instants: later).
    Gt,
    /// Is greater or equal.
    Gte,
    /// Is less.
    Lt,
    /// Is less or equal.
    Lte,
    /// Lies in `[low, high]`, both ends included.
    Between,
    /// Equals one of a list.
    In,
    /// Is not null and equals none of a list.
    NotIn,
    /// Text: has this substring. JSON: an array has this element, a string this substring, an object this key.
    Contains,
    /// Is a text, array, string or object and does not contain the value.
    NotContains,
    /// Text that starts so.
    StartsWith,
    /// Text that ends so.
    EndsWith,
    /// Text in which the regular expression (syntax of the `regex` crate) finds a match anywhere; `^` and `$` anchor it.
    Matches,
    /// Is null, or a path that is not there.
    IsNull,
    /// Is not null.
    NotNull,
    /// Differs from the old row. On insert and delete: is not null.
    Changed,
    /// Is the same as in the old row. Never on insert and delete.
    Unchanged,
    /// Is greater (later) than in the old row; both must be there.
    Increased,
    /// Is less (earlier) than in the old row; both must be there.
    Decreased,
    /// Has grown since the old row, by at least this amount (of at least 0).
    IncreasedBy,
    /// Has shrunk since the old row, by at least this amount (of at least 0).
    DecreasedBy,
}

impl Operator {
    /// Every operator, in the order of the documentation.
    pub const ALL: [Operator; 22] = [
        Self::Eql,
        Self::Neq,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::Between,
        Self::In,
        Self::NotIn,
        Self::Contains,
        Self::NotContains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Matches,
        Self::IsNull,
        Self::NotNull,
        Self::Changed,
        Self::Unchanged,
        Self::Increased,
        Self::Decreased,
        Self::IncreasedBy,
        Self::DecreasedBy,
    ];

    /// The operator as rules write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eql => "eql",
            Self::Neq => "neq",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Between => "between",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Contains => "contains",
            Self::NotContains => "not_contains",
            Self::StartsWith => "starts_with",
            Self::EndsWith => "ends_with",
            Self::Matches => "matches",
            Self::IsNull => "is_null",
            Self::NotNull => "not_null",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Increased => "increased",
            Self::Decreased => "decreased",
            Self::IncreasedBy => "increased_by",
            Self::DecreasedBy => "decreased_by",
        }
    }

    /// The operator of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    /// Whether it needs a value beside it.
    pub const fn takes_value(self) -> bool {
        !matches!(
            self,
            Self::IsNull
                | Self::NotNull
                | Self::Changed
                | Self::Unchanged
                | Self::Increased
                | Self::Decreased
        )
    }

    /// Whether it compares the old row with the new.
    pub const fn compares_rows(self) -> bool {
        matches!(
            self,
            Self::Changed
                | Self::Unchanged
                | Self::Increased
                | Self::Decreased
                | Self::IncreasedBy
                | Self::DecreasedBy
        )
    }

    /// Whether it has a meaning on fields of this type.
    pub fn applies_to(self, ty: &FieldType) -> bool {
        use FieldType as T;
        match self {
            Self::Eql | Self::Neq | Self::In | Self::NotIn => true,
            Self::IsNull | Self::NotNull | Self::Changed | Self::Unchanged => true,
            Self::Gt | Self::Gte | Self::Lt | Self::Lte | Self::Between => {
                !matches!(ty, T::Bool | T::Enum(_) | T::Uuid)
            }
            Self::Increased | Self::Decreased => {
                !matches!(ty, T::Bool | T::Enum(_) | T::Uuid | T::Text)
            }
            Self::IncreasedBy | Self::DecreasedBy => {
                matches!(ty, T::Int | T::Float | T::Decimal | T::Json)
            }
            Self::Contains
            | Self::NotContains
            | Self::StartsWith
            | Self::EndsWith
            | Self::Matches => matches!(ty, T::Text | T::Json),
        }
    }

    /// The operators that have a meaning on fields of this type.
    pub fn on(ty: &FieldType) -> Vec<Operator> {
        Self::ALL
            .into_iter()
            .filter(|op| op.applies_to(ty))
            .collect()
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
