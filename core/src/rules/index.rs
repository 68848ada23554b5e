//! Which rules a change can fire at all: by the fields that changed, then by the values that they took.
//!
//! The index may name a rule that does not fire; it never leaves out one that does.

use std::cmp::Ordering;
use std::collections::HashMap;

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use uuid::Uuid;

use super::Operator;
use super::compare::order;
use super::compile::Compiled;
use super::document::Edge;
use super::holds::Sight;
use super::path::Path;
use super::test::{Prepared, Term, Test};
use super::view::View;
use crate::value::{FieldType, Value};

/// The index of one list of rules. Positions are those in the list.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By the root field of the rule's path.
    fields: Vec<(Path, Vec<Group>)>,
}

/// The rules of one path.
#[derive(Debug)]
struct Group {
    path: Path,
    ty: FieldType,
    /// Rules that cannot fire while the root field is the same in both rows.
    on_change: Bucket,
    /// Rules that can.
    always: Bucket,
}

/// Rules of one path by what they ask of its new value.
#[derive(Debug, Default)]
struct Bucket {
    by_text: HashMap<Box<str>, Vec<usize>>,
    by_key: HashMap<Key, Vec<usize>>,
    /// `gt`, `gte` and `between`, by their lower literal, ascending.
    from: Vec<(Value, usize)>,
    /// `lt` and `lte`, by their literal, ascending.
    upto: Vec<(Value, usize)>,
    rest: Vec<usize>,
}

/// A value that is not text, in the one form in which equal values are equal.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Null,
    Bool(bool),
    Int(i128),
    /// A float that is no integer, by its bits.
    Bits(u64),
    Decimal(BigDecimal),
    Uuid(Uuid),
    DateTime(DateTime<Utc>),
    LocalDateTime(NaiveDateTime),
    Date(NaiveDate),
    Time(NaiveTime),
}

impl Index {
    pub(super) fn new<'c>(rules: impl Iterator<Item = Option<&'c Compiled>>) -> Self {
        let mut index = Self::default();
        let mut groups = HashMap::new();
        for (position, compiled) in rules.enumerate() {
            let Some(compiled) = compiled.filter(|compiled| compiled.rule.enabled) else {
                continue;
            };
            let path = &compiled.test.path;
            let &mut (field, group) = groups
                .entry(path.clone())
                .or_insert_with(|| index.add_group(path, &compiled.test.ty));
            let group = &mut index.fields[field].1[group];
            match needs_change(compiled) {
                true => group.on_change.add(&compiled.test, position),
                false => group.always.add(&compiled.test, position),
            }
        }
        for (_, groups) in &mut index.fields {
            groups.iter_mut().for_each(Group::sort);
        }
        index
    }

    fn add_group(&mut self, path: &Path, ty: &FieldType) -> (usize, usize) {
        let known = self
            .fields
            .iter()
            .position(|(root, _)| root.field == path.field);
        let field = known.unwrap_or_else(|| {
            self.fields.push((path.root(), Vec::new()));
            self.fields.len() - 1
        });
        let groups = &mut self.fields[field].1;
        groups.push(Group {
            path: path.clone(),
            ty: ty.clone(),
            on_change: Bucket::default(),
            always: Bucket::default(),
        });
        (field, groups.len() - 1)
    }

    /// The positions of the rules that this moment may fire, ascending.
    pub(super) fn candidates(&self, sight: Sight<'_>) -> Vec<usize> {
        let mut found = Vec::new();
        for (root, groups) in &self.fields {
            let changed = sight.changed(root);
            for group in groups {
                let value = group.path.of(sight.this);
                if changed {
                    group.on_change.collect(value, &group.ty, &mut found);
                }
                group.always.collect(value, &group.ty, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Whether a rule stays silent as long as its field is the same in both rows.
fn needs_change(compiled: &Compiled) -> bool {
    match compiled.rule.edge {
        Edge::Change => true,
        Edge::Level => false,
        // What is entered through another field's change is entered too.
        Edge::Enter => {
            let by_itself = |term: &Term| match term {
                Term::Literal(_) => true,
                Term::Field(path) | Term::Old(path) => path.field == compiled.test.path.field,
            };
            compiled.test.operator != Operator::Unchanged
                && match &compiled.test.operand {
                    Prepared::Nothing | Prepared::Pattern(_) => true,
                    Prepared::One(term) => by_itself(term),
                    Prepared::Range(low, high) => by_itself(low) && by_itself(high),
                    Prepared::List(terms) => terms.iter().all(by_itself),
                }
        }
    }
}

impl Group {
    fn sort(&mut self) {
        for bucket in [&mut self.on_change, &mut self.always] {
            for sorted in [&mut bucket.from, &mut bucket.upto] {
                let by_value = |(a, _): &(Value, usize), (b, _): &(Value, usize)| {
                    order(View::of(a), View::of(b)).unwrap_or(Ordering::Equal)
                };
                sorted.sort_by(by_value);
            }
        }
    }
}

impl Bucket {
    fn add(&mut self, test: &Test, position: usize) {
        match (test.operator, &test.operand) {
            (Operator::Eql, Prepared::One(Term::Literal(value))) => {
                self.add_equal(&[value], &test.ty, position);
            }
            (Operator::In, Prepared::List(terms)) => match literals(terms) {
                Some(values) => self.add_equal(&values, &test.ty, position),
                None => self.rest.push(position),
            },
            (Operator::Gt | Operator::Gte, Prepared::One(Term::Literal(value)))
            | (Operator::Between, Prepared::Range(Term::Literal(value), _))
                if is_ordered(&test.ty) =>
            {
                self.from.push((value.clone(), position));
            }
            (Operator::Lt | Operator::Lte, Prepared::One(Term::Literal(value)))
                if is_ordered(&test.ty) =>
            {
                self.upto.push((value.clone(), position));
            }
            _ => self.rest.push(position),
        }
    }

    fn add_equal(&mut self, values: &[&Value], ty: &FieldType, position: usize) {
        let views = values.iter().map(|value| View::of(value));
        let can = |view: View<'_>| text_of(view, ty).is_some() || Key::of(view, ty).is_some();
        if !views.clone().all(can) {
            self.rest.push(position);
            return;
        }
        for view in views {
            match (text_of(view, ty), Key::of(view, ty)) {
                (Some(text), _) => self.by_text.entry(text.into()).or_default().push(position),
                (None, Some(key)) => self.by_key.entry(key).or_default().push(position),
                (None, None) => {}
            }
        }
    }

    fn collect(&self, value: View<'_>, ty: &FieldType, found: &mut Vec<usize>) {
        found.extend(&self.rest);
        self.collect_equal(value, ty, found);
        let below = |(low, _): &(Value, usize)| {
            matches!(
                order(View::of(low), value),
                Some(Ordering::Less | Ordering::Equal)
            )
        };
        let reached = self.from.partition_point(below);
        found.extend(self.from[..reached].iter().map(|(_, position)| position));
        let passed =
            |(high, _): &(Value, usize)| order(View::of(high), value) == Some(Ordering::Less);
        let passed = self.upto.partition_point(passed);
        found.extend(self.upto[passed..].iter().map(|(_, position)| position));
    }

    fn collect_equal(&self, value: View<'_>, ty: &FieldType, found: &mut Vec<usize>) {
        if self.by_text.is_empty() && self.by_key.is_empty() {
            return;
        }
        if let Some(text) = text_of(value, ty) {
            found.extend(self.by_text.get(text).into_iter().flatten());
        } else if let Some(key) = Key::of(value, ty) {
            found.extend(self.by_key.get(&key).into_iter().flatten());
        } else {
            // A value of an unexpected kind: the judgement decides.
            found.extend(self.by_text.values().flatten());
            found.extend(self.by_key.values().flatten());
        }
    }
}

impl Key {
    /// The key of a value of the kind that the type has; `None` for every other.
    fn of(value: View<'_>, ty: &FieldType) -> Option<Self> {
        match (ty, value) {
            (_, View::Null) => Some(Self::Null),
            (FieldType::Bool | FieldType::Json, View::Bool(value)) => Some(Self::Bool(value)),
            (FieldType::Int | FieldType::Json, View::Int(value)) => Some(Self::Int(value)),
            (FieldType::Float, View::Float(value)) | (FieldType::Json, View::Number(value)) => {
                Self::of_float(value)
            }
            (FieldType::Decimal, View::Decimal(value)) => Some(Self::Decimal(value.normalized())),
            (FieldType::Uuid, View::Uuid(value)) => Some(Self::Uuid(value)),
            (FieldType::DateTime, View::DateTime(at)) => Some(Self::DateTime(at.to_utc())),
            (FieldType::LocalDateTime, View::LocalDateTime(at)) => Some(Self::LocalDateTime(at)),
            (FieldType::Date, View::Date(date)) => Some(Self::Date(date)),
            (FieldType::Time, View::Time(time)) => Some(Self::Time(time)),
            _ => None,
        }
    }

    fn of_float(value: f64) -> Option<Self> {
        // Inside of this range a whole float is an `i128`, and equals the integer of that value.
        let is_integer = value.fract() == 0.0 && value.abs() < 2_f64.powi(126);
        match is_integer {
            true => Some(Self::Int(value as i128)),
            false => (!value.is_nan()).then(|| Self::Bits(value.to_bits())),
        }
    }
}

fn text_of<'v>(value: View<'v>, ty: &FieldType) -> Option<&'v str> {
    match (ty, value) {
        (FieldType::Text | FieldType::Enum(_), View::Text(text)) => Some(text),
        (FieldType::Json, View::JsonText(text)) => Some(text),
        _ => None,
    }
}

fn literals(terms: &[Term]) -> Option<Vec<&Value>> {
    fn literal(term: &Term) -> Option<&Value> {
        match term {
            Term::Literal(value) => Some(value),
            Term::Field(_) | Term::Old(_) => None,
        }
    }
    terms.iter().map(literal).collect()
}

/// Types of which every two values compare, NaN aside.
fn is_ordered(ty: &FieldType) -> bool {
    use FieldType as T;
    ty.is_number() || matches!(ty, T::DateTime | T::LocalDateTime | T::Date | T::Time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{FieldDef, ModelDef, Row};
    use crate::rules::holds::Compares;
    use crate::rules::{CompiledRules, Rule, Rules};

    fn model() -> ModelDef {
        let fields = [
            ("status", FieldType::Text),
            ("amount", FieldType::Decimal),
            ("other", FieldType::Text),
        ];
        let fields = fields.map(|(name, ty)| FieldDef {
            name: name.to_owned(),
            ty,
            nullable: true,
        });
        ModelDef::new("m", fields.to_vec())
    }

    #[test]
    fn few_of_many_rules_are_looked_at() {
        let model = model();
        let rules: Rules = (0..3_000)
            .map(|i| {
                let draft = match i % 3 {
                    0 => Rule::when("status").is_in([format!("s{i}"), format!("t{i}")]),
                    1 => Rule::when("amount").gte(i).level(),
                    _ => Rule::when("other").changed(),
                };
                draft.emit_topic("e", json!({}))
            })
            .collect();
        let compiled = CompiledRules::compile(&model, &rules);
        let row = |status: &str, amount: i64| {
            let amount = Value::Decimal(BigDecimal::from(amount));
            Row::new(vec![Value::Text(status.to_owned()), amount, Value::Null])
        };
        let (old, new) = (row("s", 0), row("t6", 7));
        let sight = Sight {
            this: &new,
            old: Some(&old),
            compares: Compares::Rows,
        };
        let index = Index::new(compiled.slots.iter().map(|slot| slot.rule()));
        assert_eq!(index.candidates(sight), [1, 4, 6, 7]);
    }
}
