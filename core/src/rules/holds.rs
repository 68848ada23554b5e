//! Whether a compiled condition holds at a moment.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;

use super::Operator;
use super::compare::{difference, equal, order, printed};
use super::test::{Prepared, Term, Test};
use super::view::View;
use crate::model::{Change, Operation, Row};

/// What conditions look at: a row, and the one before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'r> {
    /// The row that is looked at.
    pub(super) this: &'r Row,
    /// The row as it was; absent on insert.
    pub(super) old: Option<&'r Row>,
    /// Both rows are there, so that operators which compare them have a meaning.
    pub(super) compares: Compares,
}

/// How operators that compare two rows are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compares {
    /// Old and new row.
    Rows,
    /// A row that comes or goes: what is not null has changed, and nothing has increased.
    OneRow,
    /// The old row alone is looked at: nothing has changed yet.
    Before,
}

impl<'r> Sight<'r> {
    /// What a save's conditions look at. On delete the row that goes is both.
    pub(super) fn of(change: &Change<'r>) -> Self {
        match (change.operation, change.old) {
            (Operation::Insert, _) | (Operation::Update, None) => Self {
                this: change.new,
                old: None,
                compares: Compares::OneRow,
            },
            (Operation::Update, Some(_)) => Self {
                this: change.new,
                old: change.old,
                compares: Compares::Rows,
            },
            (Operation::Delete, old) => {
                let row = old.unwrap_or(change.new);
                Self {
                    this: row,
                    old: Some(row),
                    compares: Compares::OneRow,
                }
            }
        }
    }

    /// The old row by itself.
    pub(super) fn before(self) -> Option<Self> {
        let old = self.old?;
        Some(Self {
            this: old,
            old: Some(old),
            compares: Compares::Before,
        })
    }

    /// Whether a path's value differs between the rows; of a row that comes or goes everything does.
    pub(super) fn changed(self, path: &super::path::Path) -> bool {
        match (self.compares, self.old) {
            (Compares::Rows, Some(old)) => !equal(path.of(old), path.of(self.this)),
            _ => true,
        }
    }
}

impl Test {
    /// The value that is looked at; `None` when there is no old row to take it from.
    pub(super) fn subject<'r>(&self, sight: Sight<'r>) -> Option<View<'r>> {
        let row = if self.on_old { sight.old? } else { sight.this };
        Some(self.path.of(row))
    }

    /// Whether the condition holds.
    pub(super) fn holds(&self, sight: Sight<'_>) -> bool {
        let Some(value) = self.subject(sight) else {
            return false;
        };
        match &self.operand {
            Prepared::Nothing => self.holds_alone(value, sight),
            Prepared::One(term) => term
                .value(sight)
                .is_some_and(|operand| self.holds_with(value, operand, sight)),
            Prepared::Range(low, high) => between(value, low.value(sight), high.value(sight)),
            Prepared::List(terms) if self.operator == Operator::In => {
                !value.is_null() && terms.iter().any(|term| is_equal(value, term.value(sight)))
            }
            Prepared::List(terms) => {
                let differs =
                    |term: &Term| term.value(sight).is_some_and(|item| !equal(value, item));
                !value.is_null() && terms.iter().all(differs)
            }
            Prepared::Pattern(regex) => value.text().is_some_and(|text| regex.is_match(text)),
        }
    }

    fn holds_alone(&self, value: View<'_>, sight: Sight<'_>) -> bool {
        match (self.operator, sight.compares) {
            (Operator::IsNull, _) => value.is_null(),
            (Operator::NotNull, _) => !value.is_null(),
            (Operator::Changed, Compares::OneRow) => !value.is_null(),
            (operator, Compares::Rows) => self.moved(operator, value, sight),
            _ => false,
        }
    }

    fn moved(&self, operator: Operator, value: View<'_>, sight: Sight<'_>) -> bool {
        let Some(before) = sight.old.map(|old| self.path.of(old)) else {
            return false;
        };
        match operator {
            Operator::Changed => !equal(before, value),
            Operator::Unchanged => equal(before, value),
            Operator::Increased => rose(before, value),
            Operator::Decreased => rose(value, before),
            _ => false,
        }
    }

    fn holds_with(&self, value: View<'_>, operand: View<'_>, sight: Sight<'_>) -> bool {
        use Ordering::{Equal, Greater, Less};
        let ordered = || order(value, operand);
        match self.operator {
            Operator::Eql => equal(value, operand),
            Operator::Neq => !value.is_null() && !equal(value, operand),
            Operator::Gt => ordered() == Some(Greater),
            Operator::Gte => matches!(ordered(), Some(Greater | Equal)),
            Operator::Lt => ordered() == Some(Less),
            Operator::Lte => matches!(ordered(), Some(Less | Equal)),
            Operator::Contains => contains(value, operand) == Some(true),
            Operator::NotContains => contains(value, operand) == Some(false),
            Operator::StartsWith => both_text(value, operand, |text, part| text.starts_with(part)),
            Operator::EndsWith => both_text(value, operand, |text, part| text.ends_with(part)),
            Operator::IncreasedBy => self.grew(false, value, operand, sight),
            Operator::DecreasedBy => self.grew(true, value, operand, sight),
            _ => false,
        }
    }

    fn grew(&self, down: bool, value: View<'_>, amount: View<'_>, sight: Sight<'_>) -> bool {
        let (Compares::Rows, Some(old)) = (sight.compares, sight.old) else {
            return false;
        };
        let before = self.path.of(old);
        let (from, to) = if down {
            (value, before)
        } else {
            (before, value)
        };
        match (difference(from, to), printed(amount)) {
            (Some(difference), Some(amount)) => {
                let zero = BigDecimal::default();
                difference > zero && amount >= zero && difference >= amount
            }
            _ => false,
        }
    }
}

impl Term {
    /// The value; `None` when it is the old row's and there is none.
    pub(super) fn value<'v>(&'v self, sight: Sight<'v>) -> Option<View<'v>> {
        match self {
            Self::Literal(value) => Some(View::of(value)),
            Self::Field(path) => Some(path.of(sight.this)),
            Self::Old(path) => sight.old.map(|old| path.of(old)),
        }
    }
}

fn is_equal(value: View<'_>, item: Option<View<'_>>) -> bool {
    item.is_some_and(|item| equal(value, item))
}

fn between(value: View<'_>, low: Option<View<'_>>, high: Option<View<'_>>) -> bool {
    let (Some(low), Some(high)) = (low, high) else {
        return false;
    };
    matches!(order(value, low), Some(Ordering::Greater | Ordering::Equal))
        && matches!(order(value, high), Some(Ordering::Less | Ordering::Equal))
}

/// Texts inside JSON have no direction, as text fields have none.
fn rose(from: View<'_>, to: View<'_>) -> bool {
    from.text().is_none() && order(to, from) == Some(Ordering::Greater)
}

/// `None` when the value can contain nothing, or nothing is asked for.
fn contains(value: View<'_>, part: View<'_>) -> Option<bool> {
    match (value, part) {
        (_, View::Null) => None,
        (View::Text(text) | View::JsonText(text), part) => {
            Some(part.text().is_some_and(|part| text.contains(part)))
        }
        (View::Array(items), part) => {
            Some(items.iter().any(|item| equal(View::of_json(item), part)))
        }
        (View::Object(map), part) => Some(part.text().is_some_and(|key| map.contains_key(key))),
        _ => None,
    }
}

fn both_text(value: View<'_>, part: View<'_>, holds: impl Fn(&str, &str) -> bool) -> bool {
    match (value.text(), part.text()) {
        (Some(text), Some(part)) => holds(text, part),
        _ => false,
    }
}
