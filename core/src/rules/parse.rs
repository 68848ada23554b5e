//! From JSON to rules: every problem of a document at once, each with its path.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::document::{Edge, Rule, Was, ordered};
use super::error::{RuleError, RuleErrorKind as Kind, RuleErrors, RuleName};
use super::guard::{Condition, Guard, Subject};
use super::operand::normalized;
use super::view::shortened;
use super::{Operand, Operator};
use crate::json::kind;
use crate::model::Operation;
use crate::names;

/// The keys of a rule.
pub(crate) const RULE_KEYS: [&str; 14] = [
    "id",
    "field_name",
    "operator",
    "value",
    "event_class",
    "event_data",
    "persist",
    "was",
    "edge",
    "on",
    "when",
    "enabled",
    "expires_at",
    "description",
];

/// Deeper guards than any model's limit allows are not even read.
const DEEPEST_GUARD: usize = 64;

/// Reads a rule; `new_id` gives one to a document without.
pub(super) fn rule(value: &Json, new_id: &mut dyn FnMut() -> String) -> Result<Rule, RuleErrors> {
    let Json::Object(map) = value else {
        let kind = wrong("an object", value);
        return Err(RuleErrors(vec![error(RuleName::Index(0), "", kind)]));
    };
    let name = match map.get("id") {
        Some(Json::String(id)) => RuleName::Id(id.clone()),
        _ => RuleName::Index(0),
    };
    let mut reader = Reader::default();
    let rule = reader.rule(map, new_id);
    if reader.problems.is_empty() {
        return Ok(rule);
    }
    let errors = reader.problems.into_iter();
    let errors = errors.map(|(path, kind)| error(name.clone(), &path, kind));
    Err(RuleErrors(errors.collect()))
}

/// What of a document with problems can be read nevertheless, so that a check can look at the rest of it. What
/// cannot be read is empty, or asks for nothing.
pub(super) fn sound_part(value: &Json) -> Option<Rule> {
    let mut any_id = || "none".to_owned();
    Some(Reader::default().rule(value.as_object()?, &mut any_id))
}

fn error(rule: RuleName, path: &str, kind: Kind) -> RuleError {
    RuleError {
        rule,
        path: path.to_owned(),
        kind,
    }
}

fn wrong(expected: &'static str, found: &Json) -> Kind {
    Kind::WrongType {
        expected,
        found: kind(found).to_owned(),
    }
}

/// Reads on after a problem; what has one comes out empty, or asks for nothing.
#[derive(Default)]
struct Reader {
    problems: Vec<(String, Kind)>,
}

type Object = Map<String, Json>;

impl Reader {
    fn rule(&mut self, map: &Object, new_id: &mut dyn FnMut() -> String) -> Rule {
        self.known_keys("", map, &RULE_KEYS);
        let (operator, value) = self.comparison("", map);
        Rule {
            field_name: self.text("", map, "field_name").unwrap_or_default(),
            event_class: self.text("", map, "event_class").unwrap_or_default(),
            id: self.id(map, new_id),
            event_data: self.data(map),
            persist: self.flag(map, "persist", false),
            was: map.get("was").map(|was| self.was(was)),
            edge: self.edge(map),
            on: self.on(map),
            when: present(map, "when").map(|when| self.guard("when", when, 1)),
            enabled: self.flag(map, "enabled", true),
            expires_at: self.instant(map),
            description: self.description(map),
            operator,
            value,
        }
    }

    fn problem(&mut self, path: impl Into<String>, kind: Kind) {
        self.problems.push((path.into(), kind));
    }

    fn known_keys(&mut self, at: &str, map: &Object, known: &[&'static str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let nearest = names::nearest(key, known.iter().copied());
            let key = shortened(key);
            let path = join(at, &key);
            let kind = Kind::UnknownKey {
                key,
                nearest: nearest.map(str::to_owned),
                known: known.to_vec(),
            };
            self.problem(path, kind);
        }
    }

    fn id(&mut self, map: &Object, new_id: &mut dyn FnMut() -> String) -> String {
        match present(map, "id") {
            None => new_id(),
            Some(Json::String(id)) => {
                let length = id.chars().count();
                if !(1..=200).contains(&length) {
                    self.problem("id", Kind::BadId { length });
                }
                id.clone()
            }
            Some(other) => {
                self.problem("id", wrong("a string", other));
                new_id()
            }
        }
    }

    fn text(&mut self, at: &str, map: &Object, key: &'static str) -> Option<String> {
        match map.get(key) {
            Some(Json::String(text)) if !text.is_empty() => return Some(text.clone()),
            Some(Json::String(_)) => self.problem(
                join(at, key),
                Kind::WrongType {
                    expected: "a name",
                    found: "an empty string".to_owned(),
                },
            ),
            Some(other) => self.problem(join(at, key), wrong("a string", other)),
            None => self.problem(at, Kind::MissingKey { key }),
        }
        None
    }

    fn flag(&mut self, map: &Object, key: &str, default: bool) -> bool {
        match present(map, key) {
            None => default,
            Some(Json::Bool(flag)) => *flag,
            Some(other) => {
                self.problem(key, wrong("true or false", other));
                default
            }
        }
    }

    fn operator(&mut self, at: &str, map: &Object) -> Option<Operator> {
        let name = self.text(at, map, "operator")?;
        let operator = Operator::named(&name);
        if operator.is_none() {
            let names = Operator::ALL.iter().map(|op| op.name());
            let nearest = names::nearest(&name, names).map(str::to_owned);
            let kind = Kind::UnknownOperator {
                operator: shortened(&name),
                nearest,
            };
            self.problem(join(at, "operator"), kind);
        }
        operator
    }

    /// The operator and its value.
    fn comparison(&mut self, at: &str, map: &Object) -> (Operator, Operand) {
        // Has a meaning on every field, of one row as of two.
        const NOTHING: (Operator, Operand) = (Operator::NotNull, Operand::Literal(Json::Null));
        let Some(operator) = self.operator(at, map) else {
            return NOTHING;
        };
        match map.get("value") {
            Some(value) if operator.takes_value() => {
                let value = normalized(operator, Operand::from_value(value.clone()));
                return (operator, value);
            }
            None if operator.takes_value() => {
                self.problem(at, Kind::MissingKey { key: "value" });
                return NOTHING;
            }
            Some(value) if !value.is_null() => {
                self.problem(join(at, "value"), Kind::NeedlessValue { operator });
            }
            _ => {}
        }
        (operator, Operand::Literal(Json::Null))
    }

    fn data(&mut self, map: &Object) -> Json {
        match present(map, "event_data") {
            None => Json::Object(Object::new()),
            Some(data) => data.clone(),
        }
    }

    fn was(&mut self, value: &Json) -> Was {
        match value {
            Json::Object(map) if map.contains_key("operator") => {
                self.known_keys("was", map, &["operator", "value"]);
                let (operator, value) = self.comparison("was", map);
                Was::Matches { operator, value }
            }
            value => Was::Equals(Operand::from_value(value.clone())),
        }
    }

    fn edge(&mut self, map: &Object) -> Edge {
        match present(map, "edge") {
            None => Edge::Change,
            Some(Json::String(edge)) if edge == "change" => Edge::Change,
            Some(Json::String(edge)) if edge == "enter" => Edge::Enter,
            Some(Json::String(edge)) if edge == "level" => Edge::Level,
            Some(other) => {
                self.problem("edge", other_name("`change`, `enter` or `level`", other));
                Edge::Change
            }
        }
    }

    fn on(&mut self, map: &Object) -> Vec<Operation> {
        let operations = match present(map, "on") {
            None => return vec![Operation::Update],
            Some(Json::Array(items)) => items,
            Some(other) => {
                self.problem("on", wrong("an array of operations", other));
                return Vec::new();
            }
        };
        if operations.is_empty() {
            self.problem("on", Kind::NoOperation);
        }
        let mut named = Vec::new();
        for (i, item) in operations.iter().enumerate() {
            match item.as_str() {
                Some("insert") => named.push(Operation::Insert),
                Some("update") => named.push(Operation::Update),
                Some("delete") => named.push(Operation::Delete),
                _ => {
                    let kind = other_name("`insert`, `update` or `delete`", item);
                    self.problem(format!("on[{i}]"), kind);
                }
            }
        }
        ordered(named)
    }

    fn instant(&mut self, map: &Object) -> Option<DateTime<Utc>> {
        let value = present(map, "expires_at")?;
        let instant = value.as_str().map(DateTime::parse_from_rfc3339);
        match instant {
            Some(Ok(at)) => Some(at.to_utc()),
            _ => {
                let expected = "an RFC 3339 instant like `2030-01-31T12:00:00Z`";
                self.problem("expires_at", other_name(expected, value));
                None
            }
        }
    }

    fn description(&mut self, map: &Object) -> Option<String> {
        match present(map, "description")? {
            Json::String(text) => Some(text.clone()),
            other => {
                self.problem("description", wrong("a string", other));
                None
            }
        }
    }

    fn guard(&mut self, at: &str, value: &Json, depth: usize) -> Guard {
        let limit = DEEPEST_GUARD;
        if depth > limit {
            let (what, found) = ("guards inside each other", depth);
            self.problem(at, Kind::Limit { what, found, limit });
            return NO_GUARD;
        }
        let Json::Object(map) = value else {
            self.problem(at, wrong("a guard (an object)", value));
            return NO_GUARD;
        };
        if let Some(guards) = map.get("all") {
            self.known_keys(at, map, &["all"]);
            Guard::All(self.guards(&join(at, "all"), guards, depth))
        } else if let Some(guards) = map.get("any") {
            self.known_keys(at, map, &["any"]);
            Guard::Any(self.guards(&join(at, "any"), guards, depth))
        } else if let Some(guard) = map.get("not") {
            self.known_keys(at, map, &["not"]);
            Guard::Not(Box::new(self.guard(&join(at, "not"), guard, depth + 1)))
        } else {
            self.condition(at, map)
        }
    }

    fn guards(&mut self, at: &str, value: &Json, depth: usize) -> Vec<Guard> {
        let Json::Array(items) = value else {
            self.problem(at, wrong("an array of guards", value));
            return Vec::new();
        };
        let guards = items.iter().enumerate();
        let read = guards.map(|(i, item)| self.guard(&format!("{at}[{i}]"), item, depth + 1));
        read.collect()
    }

    fn condition(&mut self, at: &str, map: &Object) -> Guard {
        const KEYS: [&str; 6] = ["all", "any", "not", "field_name", "operator", "value"];
        if !map.keys().any(|key| KEYS.contains(&key.as_str())) {
            // Nothing says which of the forms was meant.
            self.known_keys(at, map, &KEYS);
            if map.is_empty() {
                let found = "an empty object".to_owned();
                let expected = "a guard (`all`, `any`, `not`, or a field and its operator)";
                self.problem(at, Kind::WrongType { expected, found });
            }
            return NO_GUARD;
        }
        self.known_keys(at, map, &KEYS[3..]);
        let (operator, value) = self.comparison(at, map);
        Guard::Is(Condition {
            subject: self.subject(at, map),
            operator,
            value,
        })
    }

    fn subject(&mut self, at: &str, map: &Object) -> Subject {
        match map.get("field_name") {
            Some(Json::Object(old)) => {
                let at = join(at, "field_name");
                self.known_keys(&at, old, &["old"]);
                Subject::Old(self.text(&at, old, "old").unwrap_or_default())
            }
            _ => Subject::New(self.text(at, map, "field_name").unwrap_or_default()),
        }
    }
}

/// Stands for a guard that cannot be read.
const NO_GUARD: Guard = Guard::All(Vec::new());

/// A key's value, where null means the same as no key.
fn present<'m>(map: &'m Object, key: &str) -> Option<&'m Json> {
    map.get(key).filter(|value| !value.is_null())
}

fn join(at: &str, key: &str) -> String {
    match at {
        "" => key.to_owned(),
        at => format!("{at}.{key}"),
    }
}

fn other_name(expected: &'static str, found: &Json) -> Kind {
    let found = match found {
        Json::String(text) => format!("`{}`", shortened(text)),
        other => kind(other).to_owned(),
    };
    Kind::WrongType { expected, found }
}
