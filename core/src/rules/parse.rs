//! From JSON to rules: every problem of a document at once, each with its path.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::document::{Edge, Rule, Was, ordered};
use super::error::{RuleError, RuleErrorKind as Kind, RuleErrors, RuleName};
use super::guard::{Condition, Guard, Subject};
use super::operand::normalized;
use super::{Operand, Operator, similar};
use crate::model::Operation;

const KEYS: [&str; 14] = [
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
pub(super) fn rule(value: &Json, new_id: &dyn Fn() -> String) -> Result<Rule, RuleErrors> {
    let Json::Object(map) = value else {
        let kind = wrong("an object", value);
        return Err(RuleErrors(vec![error(RuleName::Index(0), "", kind)]));
    };
    let name = match map.get("id") {
        Some(Json::String(id)) => RuleName::Id(id.clone()),
        _ => RuleName::Index(0),
    };
    let mut reader = Reader {
        problems: Vec::new(),
    };
    let rule = reader.rule(map, new_id);
    match (rule, reader.problems) {
        (Some(rule), problems) if problems.is_empty() => Ok(rule),
        (_, problems) => {
            let errors = problems.into_iter();
            let errors = errors.map(|(path, kind)| error(name.clone(), &path, kind));
            Err(RuleErrors(errors.collect()))
        }
    }
}

/// What of a document with problems can be read nevertheless, so that a check can look at the rest of it.
pub(super) fn sound_part(value: &Json) -> Option<Rule> {
    let mut reader = Reader {
        problems: Vec::new(),
    };
    reader.rule(value.as_object()?, &String::new)
}

fn error(rule: RuleName, path: &str, kind: Kind) -> RuleError {
    RuleError {
        rule,
        path: path.to_owned(),
        kind,
    }
}

/// What a JSON value is, in words.
pub(super) fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

fn wrong(expected: &'static str, found: &Json) -> Kind {
    Kind::WrongType {
        expected,
        found: kind_of(found).to_owned(),
    }
}

struct Reader {
    problems: Vec<(String, Kind)>,
}

type Object = Map<String, Json>;

impl Reader {
    fn rule(&mut self, map: &Object, new_id: &dyn Fn() -> String) -> Option<Rule> {
        self.known_keys("", map, &KEYS);
        let operator = self.operator("", map);
        let value = self.value("", map, operator);
        let field_name = self.text("", map, "field_name");
        let event_class = self.text("", map, "event_class");
        let id = self.id(map, new_id);
        let event_data = self.data(map);
        let persist = self.flag(map, "persist", false);
        let was = map.get("was").and_then(|was| self.was(was));
        let edge = self.edge(map);
        let on = self.on(map);
        let when = present(map, "when").and_then(|when| self.guard("when", when, 1));
        Some(Rule {
            enabled: self.flag(map, "enabled", true),
            expires_at: self.instant(map),
            description: self.description(map),
            id: id.unwrap_or_default(),
            field_name: field_name?,
            operator: operator?,
            value: value?,
            event_class: event_class?,
            event_data,
            persist,
            was,
            edge,
            on,
            when,
        })
    }

    fn problem(&mut self, path: impl Into<String>, kind: Kind) {
        self.problems.push((path.into(), kind));
    }

    fn known_keys(&mut self, at: &str, map: &Object, known: &[&'static str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let nearest = similar::nearest(key, known.iter().copied());
            let kind = Kind::UnknownKey {
                key: key.clone(),
                nearest: nearest.map(str::to_owned),
                known: known.to_vec(),
            };
            self.problem(join(at, key), kind);
        }
    }

    fn id(&mut self, map: &Object, new_id: &dyn Fn() -> String) -> Option<String> {
        match present(map, "id") {
            None => Some(new_id()),
            Some(Json::String(id)) => {
                let length = id.chars().count();
                if !(1..=200).contains(&length) {
                    self.problem("id", Kind::BadId { length });
                }
                Some(id.clone())
            }
            Some(other) => {
                self.problem("id", wrong("a text", other));
                None
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
                    found: "an empty text".to_owned(),
                },
            ),
            Some(other) => self.problem(join(at, key), wrong("a text", other)),
            None => self.problem(at, Kind::MissingKey { key }),
        }
        None
    }

    fn flag(&mut self, map: &Object, key: &str, default: bool) -> bool {
        match map.get(key) {
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
            let nearest = similar::nearest(&name, names).map(str::to_owned);
            let kind = Kind::UnknownOperator {
                operator: name,
                nearest,
            };
            self.problem(join(at, "operator"), kind);
        }
        operator
    }

    /// The value beside the operator; `None` when it cannot be told for want of an operator.
    fn value(&mut self, at: &str, map: &Object, operator: Option<Operator>) -> Option<Operand> {
        let operator = operator?;
        let value = map.get("value");
        if operator.takes_value() {
            let Some(value) = value else {
                self.problem(at, Kind::MissingKey { key: "value" });
                return None;
            };
            return Some(normalized(operator, Operand::from_value(value.clone())));
        }
        if value.is_some_and(|value| !value.is_null()) {
            self.problem(join(at, "value"), Kind::NeedlessValue { operator });
        }
        Some(Operand::Literal(Json::Null))
    }

    fn data(&mut self, map: &Object) -> Json {
        match present(map, "event_data") {
            None => Json::Object(Object::new()),
            Some(data) => data.clone(),
        }
    }

    fn was(&mut self, value: &Json) -> Option<Was> {
        let Json::Object(map) = value else {
            return Some(Was::Equals(Operand::from_value(value.clone())));
        };
        if !map.contains_key("operator") {
            return Some(Was::Equals(Operand::from_value(value.clone())));
        }
        self.known_keys("was", map, &["operator", "value"]);
        let operator = self.operator("was", map);
        let value = self.value("was", map, operator);
        Some(Was::Matches {
            operator: operator?,
            value: value?,
        })
    }

    fn edge(&mut self, map: &Object) -> Edge {
        match map.get("edge") {
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
                self.problem("description", wrong("a text", other));
                None
            }
        }
    }

    fn guard(&mut self, at: &str, value: &Json, depth: usize) -> Option<Guard> {
        if depth > DEEPEST_GUARD {
            let kind = Kind::Limit {
                what: "guards inside each other",
                found: depth,
                limit: DEEPEST_GUARD,
            };
            self.problem(at, kind);
            return None;
        }
        let Json::Object(map) = value else {
            self.problem(at, wrong("a guard (an object)", value));
            return None;
        };
        if let Some(guards) = map.get("all") {
            self.known_keys(at, map, &["all"]);
            self.guards(&join(at, "all"), guards, depth).map(Guard::All)
        } else if let Some(guards) = map.get("any") {
            self.known_keys(at, map, &["any"]);
            self.guards(&join(at, "any"), guards, depth).map(Guard::Any)
        } else if let Some(guard) = map.get("not") {
            self.known_keys(at, map, &["not"]);
            let guard = self.guard(&join(at, "not"), guard, depth + 1)?;
            Some(Guard::Not(Box::new(guard)))
        } else {
            self.condition(at, map).map(Guard::Is)
        }
    }

    fn guards(&mut self, at: &str, value: &Json, depth: usize) -> Option<Vec<Guard>> {
        let Json::Array(items) = value else {
            self.problem(at, wrong("an array of guards", value));
            return None;
        };
        let guards = items.iter().enumerate();
        let read = guards.map(|(i, item)| self.guard(&format!("{at}[{i}]"), item, depth + 1));
        read.collect::<Vec<_>>().into_iter().collect()
    }

    fn condition(&mut self, at: &str, map: &Object) -> Option<Condition> {
        self.known_keys(at, map, &["field_name", "operator", "value"]);
        let subject = self.subject(at, map);
        let operator = self.operator(at, map);
        let value = self.value(at, map, operator);
        Some(Condition {
            subject: subject?,
            operator: operator?,
            value: value?,
        })
    }

    fn subject(&mut self, at: &str, map: &Object) -> Option<Subject> {
        match map.get("field_name") {
            Some(Json::Object(old)) => {
                let at = join(at, "field_name");
                self.known_keys(&at, old, &["old"]);
                self.text(&at, old, "old").map(Subject::Old)
            }
            _ => self.text(at, map, "field_name").map(Subject::New),
        }
    }
}

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
        Json::String(text) => format!("`{}`", super::view::shortened(text)),
        other => kind_of(other).to_owned(),
    };
    Kind::WrongType { expected, found }
}
