//! One condition, compiled: a path, an operator, and operands of the path's type.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;

use super::compare;
use super::error::RuleErrorKind as Kind;
use super::guard::Subject;
use super::path::Path;
use super::view::View;
use super::{Operand, Operator, read};
use crate::json::{is_wide_number, kind};
use crate::model::ModelDef;
use crate::value::{FieldType, Value};

/// A compiled condition.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) path: Path,
    /// The path's value is the old row's.
    pub(super) on_old: bool,
    /// JSON for everything inside JSON.
    pub(super) ty: FieldType,
    pub(super) operator: Operator,
    pub(super) operand: Prepared,
}

/// The operand in the form that its operator needs.
#[derive(Debug)]
pub(super) enum Prepared {
    Nothing,
    One(Term),
    Range(Term, Term),
    List(Vec<Term>),
    Pattern(Regex),
}

/// One value beside an operator.
#[derive(Debug)]
pub(super) enum Term {
    Literal(Value),
    Field(Path),
    Old(Path),
}

/// Problems of one rule, each with its path inside the rule.
pub(super) type Problems = Vec<(String, Kind)>;

/// Compiles the conditions of one rule.
pub(super) struct TestCompiler<'m, 'p> {
    pub(super) model: &'m ModelDef,
    pub(super) problems: &'p mut Problems,
    /// How many regular expressions the rule has had so far.
    pub(super) regexes: usize,
}

impl TestCompiler<'_, '_> {
    /// Compiles a condition that stands at `at` (`""`, `was`, `when.all[0]`).
    pub(super) fn test(
        &mut self,
        at: &str,
        subject: &Subject,
        operator: Operator,
        operand: &Operand,
    ) -> Option<Test> {
        let (name, on_old) = match subject {
            Subject::New(name) => (name, false),
            Subject::Old(name) => (name, true),
        };
        let (path, def) = self.path(&join(at, "field_name"), name)?;
        let ty = type_at(&path, &def);
        if !operator.applies_to(&ty) {
            let kind = Kind::OperatorOnType {
                operator,
                field: name.clone(),
                ty: ty.described(),
                allowed: Operator::on(&ty),
            };
            self.problem(join(at, "operator"), kind);
            return None;
        }
        if on_old && operator.compares_rows() {
            self.problem(join(at, "operator"), Kind::OneRow { operator });
            return None;
        }
        let goal = Goal {
            name,
            ty: &ty,
            operator,
        };
        let operand = self.operand(&join(at, "value"), operand, &goal)?;
        Some(Test {
            path,
            on_old,
            ty,
            operator,
            operand,
        })
    }

    fn problem(&mut self, path: String, kind: Kind) {
        self.problems.push((path, kind));
    }

    fn path(&mut self, at: &str, name: &str) -> Option<(Path, FieldType)> {
        match Path::resolve(self.model, name) {
            Ok((path, def)) => Some((path, def.ty.clone())),
            Err(kind) => {
                self.problem(at.to_owned(), kind);
                None
            }
        }
    }

    fn operand(&mut self, at: &str, operand: &Operand, goal: &Goal<'_>) -> Option<Prepared> {
        match goal.operator {
            operator if !operator.takes_value() => Some(Prepared::Nothing),
            Operator::Between => self.range(at, operand, goal),
            Operator::In | Operator::NotIn => self.list(at, operand, goal),
            Operator::Matches => self.pattern(at, operand, goal),
            Operator::IncreasedBy | Operator::DecreasedBy => self.amount(at, operand, goal),
            _ => self.term(at, operand, goal).map(Prepared::One),
        }
    }

    fn range(&mut self, at: &str, operand: &Operand, goal: &Goal<'_>) -> Option<Prepared> {
        let Operand::List(ends) = operand else {
            return self.shape(at, goal, "a list of two, `[low, high]`");
        };
        let [low, high] = ends.as_slice() else {
            return self.shape(at, goal, "a list of exactly two, `[low, high]`");
        };
        let low = self.term(&format!("{at}[0]"), low, goal);
        let high = self.term(&format!("{at}[1]"), high, goal);
        let (low, high) = (low?, high?);
        if let (Term::Literal(low), Term::Literal(high)) = (&low, &high) {
            match compare::order(View::of(low), View::of(high)) {
                Some(Ordering::Greater) => {
                    self.problem(at.to_owned(), Kind::EmptyRange);
                    return None;
                }
                None => return self.shape(at, goal, "two ends of one kind"),
                Some(_) => {}
            }
        }
        Some(Prepared::Range(low, high))
    }

    fn list(&mut self, at: &str, operand: &Operand, goal: &Goal<'_>) -> Option<Prepared> {
        let items = match operand {
            Operand::List(items) => items,
            Operand::Field(name) => {
                let path = self.list_in_field(at, name, goal)?;
                return Some(Prepared::One(Term::Field(path)));
            }
            Operand::Old(name) => {
                let path = self.list_in_field(at, name, goal)?;
                return Some(Prepared::One(Term::Old(path)));
            }
            Operand::Literal(_) => return self.shape(at, goal, LIST),
        };
        let (found, limit) = (items.len(), self.model.limits().list_length);
        if found > limit {
            let what = "values in the list";
            self.problem(at.to_owned(), Kind::Limit { what, found, limit });
            return None;
        }
        let terms = items.iter().enumerate();
        let terms = terms.map(|(i, item)| self.term(&format!("{at}[{i}]"), item, goal));
        let terms: Vec<Option<Term>> = terms.collect();
        let terms: Option<Vec<Term>> = terms.into_iter().collect();
        terms.map(Prepared::List)
    }

    /// A reference in the place of a list: what it names must be able to hold one.
    fn list_in_field(&mut self, at: &str, name: &str, goal: &Goal<'_>) -> Option<Path> {
        let (path, def) = self.path(at, name)?;
        match type_at(&path, &def) {
            FieldType::Json => Some(path),
            _ => self.shape(at, goal, LIST),
        }
    }

    fn pattern(&mut self, at: &str, operand: &Operand, goal: &Goal<'_>) -> Option<Prepared> {
        let Operand::Literal(Json::String(pattern)) = operand else {
            return self.shape(at, goal, "a regular expression as a literal text");
        };
        let limits = self.model.limits();
        self.regexes += 1;
        let (found, limit) = (self.regexes, limits.regexes);
        if found > limit {
            let what = "regular expressions in the rule";
            self.problem(at.to_owned(), Kind::Limit { what, found, limit });
            return None;
        }
        let regex = RegexBuilder::new(pattern)
            .size_limit(limits.regex_bytes)
            .dfa_size_limit(limits.regex_bytes.max(64 * 1024))
            .nest_limit(limits.regex_depth)
            .build();
        match regex {
            Ok(regex) => Some(Prepared::Pattern(regex)),
            Err(error) => {
                let kind = regex_kind(&error, limits.regex_bytes);
                self.problem(at.to_owned(), kind);
                None
            }
        }
    }

    fn amount(&mut self, at: &str, operand: &Operand, goal: &Goal<'_>) -> Option<Prepared> {
        let term = self.term(at, operand, goal)?;
        if let Term::Literal(value) = &term {
            let amount = compare::printed(View::of(value));
            if amount.is_some_and(|amount| amount.sign() == bigdecimal::num_bigint::Sign::Minus) {
                let operator = goal.operator;
                let opposite = match operator {
                    Operator::IncreasedBy => Operator::DecreasedBy,
                    _ => Operator::IncreasedBy,
                };
                self.problem(at.to_owned(), Kind::NegativeAmount { operator, opposite });
                return None;
            }
        }
        Some(Prepared::One(term))
    }

    fn shape<T>(&mut self, at: &str, goal: &Goal<'_>, expected: &'static str) -> Option<T> {
        let operator = goal.operator;
        self.problem(at.to_owned(), Kind::Shape { operator, expected });
        None
    }

    fn term(&mut self, at: &str, operand: &Operand, goal: &Goal<'_>) -> Option<Term> {
        match operand {
            Operand::Literal(literal) => self.literal(at, literal, goal),
            Operand::Field(name) => self.reference(at, name, goal).map(Term::Field),
            Operand::Old(name) => self.reference(at, name, goal).map(Term::Old),
            Operand::List(_) => self.shape(at, goal, "one value, not a list"),
        }
    }

    fn literal(&mut self, at: &str, literal: &Json, goal: &Goal<'_>) -> Option<Term> {
        let limit = self.model.limits().value_depth;
        let read = if !within_depth(literal, limit) {
            let what = "arrays and objects inside each other";
            let found = limit + 1;
            Err(Kind::Limit { what, found, limit })
        } else {
            goal.literal(literal)
        };
        match read {
            Ok(value) => Some(Term::Literal(value)),
            Err(kind) => {
                self.problem(at.to_owned(), kind);
                None
            }
        }
    }

    fn reference(&mut self, at: &str, name: &str, goal: &Goal<'_>) -> Option<Path> {
        let (path, def) = self.path(at, name)?;
        let other = type_at(&path, &def);
        if goal.compares_with(&other) {
            return Some(path);
        }
        let kind = Kind::Incomparable {
            field: goal.name.to_owned(),
            ty: goal.ty.described(),
            other: name.to_owned(),
            other_ty: other.described(),
        };
        self.problem(at.to_owned(), kind);
        None
    }
}

const LIST: &str = "a list of values, `[…]`, or a JSON field that holds one";

/// What an operand must fit.
struct Goal<'a> {
    name: &'a str,
    ty: &'a FieldType,
    operator: Operator,
}

impl Goal<'_> {
    fn literal(&self, literal: &Json) -> Result<Value, Kind> {
        if literal.is_null() {
            return match self.operator {
                Operator::Eql | Operator::Neq => Ok(Value::Null),
                operator => Err(Kind::NullLiteral { operator }),
            };
        }
        if *self.ty == FieldType::Json {
            self.json_kind(literal)?;
        }
        read::literal(literal, self.ty)
    }

    /// JSON has no type, but its operators ask for a kind of literal.
    fn json_kind(&self, literal: &Json) -> Result<(), Kind> {
        use Operator as Op;
        let (fits, expected) = match self.operator {
            Op::Gt | Op::Gte | Op::Lt | Op::Lte | Op::Between => (
                literal.is_number() || literal.is_string(),
                "a number or text",
            ),
            Op::StartsWith | Op::EndsWith => (literal.is_string(), "text in quotes"),
            Op::IncreasedBy | Op::DecreasedBy => (is_number(literal), "a number, without quotes"),
            _ => (true, ""),
        };
        if fits {
            return Ok(());
        }
        Err(Kind::Unreadable {
            found: kind(literal).to_owned(),
            ty: format!("what `{}` compares with", self.operator),
            expected: expected.to_owned(),
        })
    }

    fn compares_with(&self, other: &FieldType) -> bool {
        use FieldType as T;
        match (self.ty, other) {
            (_, T::Unsupported(_)) | (T::Unsupported(_), _) => false,
            (T::Json, _)
                if matches!(self.operator, Operator::IncreasedBy | Operator::DecreasedBy) =>
            {
                other.is_number() || *other == T::Json
            }
            (T::Json, _) | (_, T::Json) => true,
            (T::Text | T::Enum(_), T::Text | T::Enum(_)) => true,
            (a, b) => a == b || a.is_number() && b.is_number(),
        }
    }
}

/// Also one whose digits were kept as text.
fn is_number(literal: &Json) -> bool {
    literal.is_number() || literal.as_str().is_some_and(is_wide_number)
}

fn type_at(path: &Path, field: &FieldType) -> FieldType {
    match path.segments.is_empty() {
        true => field.clone(),
        false => FieldType::Json,
    }
}

/// Whether a literal nests no deeper than allowed; looks no deeper itself.
pub(super) fn within_depth(value: &Json, limit: usize) -> bool {
    match value {
        Json::Array(items) => limit > 0 && items.iter().all(|item| within_depth(item, limit - 1)),
        Json::Object(map) => limit > 0 && map.values().all(|item| within_depth(item, limit - 1)),
        _ => true,
    }
}

fn regex_kind(error: &regex::Error, limit: usize) -> Kind {
    match error {
        regex::Error::CompiledTooBig(_) => Kind::Regex {
            reason: format!(
                "it takes more than {limit} bytes; simplify it, or use `(?-u)` classes"
            ),
        },
        // The last line of the parser's message says what is wrong; those before draw an arrow under it.
        other => Kind::Regex {
            reason: other
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        },
    }
}

fn join(at: &str, key: &str) -> String {
    match at {
        "" => key.to_owned(),
        at => format!("{at}.{key}"),
    }
}
