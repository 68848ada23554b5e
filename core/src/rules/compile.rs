//! A rule compiled against its model, and a list of them.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::column::{Entry, Rules};
use super::document::{Rule, Was};
use super::error::{RuleError, RuleErrorKind as Kind, RuleErrors, RuleName};
use super::evaluate::BrokenRule;
use super::guard::{Guard, Subject};
use super::holds::Sight;
use super::index::Index;
use super::path::Path;
use super::test::{Problems, Test, TestCompiler};
use super::{Operand, Operator};
use crate::model::{Change, ModelDef};
use crate::template::Template;

/// A list of rules, compiled against a model: typed, checked and indexed.
///
/// Evaluation compiles on its own and keeps the result; this is for who wants to ask which rules a change
/// fires without making their events.
#[derive(Debug)]
pub struct CompiledRules {
    pub(super) slots: Vec<Slot>,
    index: Index,
}

/// One entry of the list.
#[derive(Debug)]
pub(super) enum Slot {
    Rule(Box<Compiled>),
    Broken {
        rule: BrokenRule,
        field: String,
        /// A rule that is switched off is not reported, whatever is wrong with it.
        enabled: bool,
    },
}

impl CompiledRules {
    /// Compiles a list. What does not compile takes no part.
    pub fn compile(model: &ModelDef, rules: &Rules) -> Self {
        let mut seen = HashSet::new();
        let slots = rules
            .entries
            .iter()
            .map(|entry| slot(model, entry, &mut seen));
        let slots: Vec<Slot> = slots.collect();
        let index = Index::new(slots.iter().map(Slot::rule));
        Self { slots, index }
    }

    /// The rules that this change fires at this time, in their order.
    pub fn firing<'c>(
        &'c self,
        change: &Change<'c>,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = &'c Rule> {
        self.matching(change, now)
            .map(|(_, compiled)| &*compiled.rule)
    }

    /// How many entries the list has, broken ones included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether the list has no entry.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn matching<'c>(
        &'c self,
        change: &Change<'c>,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = (usize, &'c Compiled)> {
        let (sight, operation) = (Sight::of(change), change.operation);
        let candidates = self.index.candidates(sight).into_iter();
        candidates.filter_map(move |position| {
            let compiled = self.slots[position].rule()?;
            let fires = compiled.judge(operation, sight, now).is_ok();
            fires.then_some((position, compiled))
        })
    }

    pub(super) fn broken(&self) -> impl Iterator<Item = &BrokenRule> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Broken {
                rule,
                enabled: true,
                ..
            } => Some(rule),
            _ => None,
        })
    }
}

impl Slot {
    pub(super) fn rule(&self) -> Option<&Compiled> {
        match self {
            Self::Rule(compiled) => Some(compiled),
            Self::Broken { .. } => None,
        }
    }
}

fn slot<'e>(model: &ModelDef, entry: &'e Entry, seen: &mut HashSet<&'e str>) -> Slot {
    let rule = match entry {
        Entry::Rule(rule) => rule,
        Entry::Broken(broken) => {
            let text = |key| {
                broken
                    .value
                    .get(key)
                    .and_then(Json::as_str)
                    .map(str::to_owned)
            };
            return Slot::Broken {
                rule: BrokenRule {
                    id: text("id"),
                    errors: broken.errors.clone(),
                },
                field: text("field_name").unwrap_or_default(),
                enabled: broken.value.get("enabled") != Some(&Json::Bool(false)),
            };
        }
    };
    let compiled = match seen.insert(&rule.id) {
        true => Compiled::new(model, rule),
        false => Err(vec![("id".to_owned(), Kind::DuplicateId)]),
    };
    match compiled {
        Ok(compiled) => Slot::Rule(Box::new(compiled)),
        Err(problems) => Slot::Broken {
            rule: BrokenRule {
                id: Some(rule.id.clone()),
                errors: named(&RuleName::Id(rule.id.clone()), problems),
            },
            field: rule.field_name.clone(),
            enabled: rule.enabled,
        },
    }
}

pub(super) fn named(rule: &RuleName, problems: Problems) -> RuleErrors {
    let errors = problems.into_iter().map(|(path, kind)| RuleError {
        rule: rule.clone(),
        path,
        kind,
    });
    RuleErrors(errors.collect())
}

/// One compiled rule.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) rule: Arc<Rule>,
    pub(super) test: Test,
    pub(super) was: Option<Test>,
    pub(super) guard: Option<Node>,
    pub(super) template: Template,
    document: OnceLock<Json>,
}

/// A compiled guard.
#[derive(Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Is(Test),
}

impl Compiled {
    /// Compiles one rule: every problem that the model alone shows.
    pub(super) fn new(model: &ModelDef, rule: &Arc<Rule>) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        bounds(model, rule, &mut problems);
        let template = template(model, rule, &mut problems);
        let mut tests = TestCompiler {
            model,
            problems: &mut problems,
        };
        let subject = Subject::New(rule.field_name.clone());
        let test = tests.test("", &subject, rule.operator, &rule.value);
        let was = rule
            .was
            .as_ref()
            .map(|was| tests.was(&rule.field_name, was));
        let guard = rule
            .when
            .as_ref()
            .map(|guard| tests.guard("when", guard, 1));
        match (test, was, guard, template) {
            (Some(test), was, guard, Some(template)) if problems.is_empty() => Ok(Self {
                rule: Arc::clone(rule),
                test,
                was: was.flatten(),
                guard: guard.flatten(),
                template,
                document: OnceLock::new(),
            }),
            _ => Err(problems),
        }
    }

    /// The rule as JSON, as templates see it.
    pub(super) fn document(&self) -> &Json {
        self.document.get_or_init(|| self.rule.to_value())
    }
}

fn bounds(model: &ModelDef, rule: &Rule, problems: &mut Problems) {
    let length = rule.id.chars().count();
    if !(1..=200).contains(&length) {
        problems.push(("id".to_owned(), Kind::BadId { length }));
    }
    if rule.on.is_empty() {
        problems.push(("on".to_owned(), Kind::NoOperation));
    }
    let (found, limit) = (rule.to_value().to_string().len(), model.limits().rule_bytes);
    if found > limit {
        let what = "bytes of the rule";
        problems.push((String::new(), Kind::Limit { what, found, limit }));
    }
}

fn template(model: &ModelDef, rule: &Rule, problems: &mut Problems) -> Option<Template> {
    match Template::compile(&rule.event_data, model) {
        Ok(template) => Some(template),
        Err(errors) => {
            let errors = errors.into_iter();
            problems.extend(errors.map(|error| (error.path, Kind::Template(error.kind))));
            None
        }
    }
}

impl TestCompiler<'_, '_> {
    fn was(&mut self, field: &str, was: &Was) -> Option<Test> {
        // What is wrong with the field itself has been said at `field_name`.
        Path::resolve(self.model, field).ok()?;
        let subject = Subject::Old(field.to_owned());
        let (operator, value) = match was {
            Was::Matches { operator, value } => (*operator, value),
            Was::Equals(value) => (Operator::Eql, value),
        };
        let before = self.problems.len();
        let test = self.test("was", &subject, operator, value);
        if matches!(was, Was::Equals(_)) {
            for (path, _) in &mut self.problems[before..] {
                *path = path.replacen("was.value", "was", 1);
            }
        }
        test
    }

    fn guard(&mut self, at: &str, guard: &Guard, depth: usize) -> Option<Node> {
        let limit = self.model.limits().guard_depth;
        if depth > limit {
            let what = "guards inside each other";
            let kind = Kind::Limit {
                what,
                found: depth,
                limit,
            };
            self.problems.push((at.to_owned(), kind));
            return None;
        }
        match guard {
            Guard::All(guards) => self
                .guards(&format!("{at}.all"), guards, depth)
                .map(Node::All),
            Guard::Any(guards) => self
                .guards(&format!("{at}.any"), guards, depth)
                .map(Node::Any),
            Guard::Not(guard) => {
                let node = self.guard(&format!("{at}.not"), guard, depth + 1)?;
                Some(Node::Not(Box::new(node)))
            }
            Guard::Is(condition) => {
                let operand: &Operand = &condition.value;
                self.test(at, &condition.subject, condition.operator, operand)
                    .map(Node::Is)
            }
        }
    }

    fn guards(&mut self, at: &str, guards: &[Guard], depth: usize) -> Option<Vec<Node>> {
        let nodes = guards.iter().enumerate();
        let nodes = nodes.map(|(i, guard)| self.guard(&format!("{at}[{i}]"), guard, depth + 1));
        nodes.collect::<Vec<_>>().into_iter().collect()
    }
}
