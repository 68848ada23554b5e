//! The rule as a document: the JSON of one element of `on_change_rules`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::error::{RuleError, RuleErrors};
use super::guard::Guard;
use super::{Operand, Operator, Rules, parse};
use crate::model::Operation;

/// One rule: which change of a field fires which event.
///
/// Parsing, printing and parsing again gives the same rule; keys at their default are not printed.
///
/// ```
/// use celerysalt::rules::Rule;
///
/// let rule: Rule = serde_json::from_str(r#"{
///     "id": "r1", "field_name": "status", "operator": "eql", "value": "paid",
///     "event_class": "order.paid", "event_data": {"order_id": "{{ id }}"}, "persist": false
/// }"#)?;
/// assert_eq!(rule.field_name, "status");
/// assert!(rule.to_value().get("persist").is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Names the rule inside its row: any text of 1 to 200 characters; a UUIDv7 when none was given.
    pub id: String,
    /// The field, or a dotted path into a JSON field (`metadata.address.city`, `items.0.sku`).
    pub field_name: String,
    /// What is asked of the field's value.
    pub operator: Operator,
    /// The value beside the operator; the literal null for operators that take none.
    pub value: Operand,
    /// The event: a topic or an event's type name.
    pub event_class: String,
    /// The event's data: a JSON object with `{{ expression }}` in its strings.
    pub event_data: Json,
    /// Whether the rule stays when it has fired.
    pub persist: bool,
    /// What must have held for the old value of the field.
    pub was: Option<Was>,
    /// Which kind of moment fires the rule.
    pub edge: Edge,
    /// The operations at which the rule is looked at; `[Update]` by default.
    pub on: Vec<Operation>,
    /// What else must hold.
    pub when: Option<Guard>,
    /// A rule that is not enabled does not fire and stays.
    pub enabled: bool,
    /// From this instant on the rule does not fire.
    pub expires_at: Option<DateTime<Utc>>,
    /// Words for people.
    pub description: Option<String>,
}

/// Which kind of moment fires a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edge {
    /// The field changed in this save and the operator holds on the new value. On insert and delete every
    /// field counts as changed; on delete the operator looks at the row that goes.
    #[default]
    Change,
    /// The operator did not hold on the old row and holds on the new. On insert it did not hold before; a
    /// delete enters nothing.
    Enter,
    /// The operator holds on the new row.
    Level,
}

/// What must have held for the old value of the rule's field, which is null on insert.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Was {
    /// It equalled this (null: it was null).
    Equals(Operand),
    /// It satisfied this.
    Matches {
        /// The operator; one that looks at a single row.
        operator: Operator,
        /// The value beside it.
        value: Operand,
    },
}

impl Rule {
    /// Reads the JSON form of a rule.
    ///
    /// # Errors
    /// Everything that is wrong with the document itself: unknown and missing keys, wrong types, an unknown
    /// operator. Whether it fits a model is [`check`](super::check)'s question.
    pub fn from_value(value: &Json) -> Result<Self, RuleErrors> {
        parse::rule(value, &mut || Uuid::now_v7().to_string())
    }

    /// Reads a JSON list of rules that somebody sends, such as the body of a request. (The [`Rules`] of a column keep what is no
    /// rule, and never fail.)
    ///
    /// ```
    /// use celerysalt::rules::Rule;
    ///
    /// let wrong = Rule::list_from_json(r#"[{"field_name": "status", "operator": "changed", "event_class": "a.b"}, 7]"#);
    /// assert_eq!(wrong.unwrap_err().to_string(), "rule #1: a number stands where an object is expected");
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with any entry; text that is no JSON array. Fields and events are checked by the save that
    /// attaches the rules, or by [`check`](super::check).
    pub fn list_from_json(text: &str) -> Result<Vec<Self>, RuleErrors> {
        let rules = Rules::from_json(text);
        let errors = rules.broken().flat_map(|entry| entry.errors.clone());
        let errors: Vec<RuleError> = errors.collect();
        match errors.is_empty() {
            true => Ok(rules.iter().cloned().collect()),
            false => Err(RuleErrors(errors)),
        }
    }

    /// The JSON form of the rule.
    pub fn to_value(&self) -> Json {
        let mut map = Map::new();
        map.insert("id".into(), json!(self.id));
        map.insert("field_name".into(), json!(self.field_name));
        map.insert("operator".into(), json!(self.operator.name()));
        if self.operator.takes_value() {
            map.insert("value".into(), self.value.to_value());
        }
        map.insert("event_class".into(), json!(self.event_class));
        map.insert("event_data".into(), self.event_data.clone());
        self.print_extras(&mut map);
        Json::Object(map)
    }

    fn print_extras(&self, map: &mut Map<String, Json>) {
        let mut put = |key: &str, value: Json| map.insert(key.to_owned(), value);
        if self.persist {
            put("persist", json!(true));
        }
        if let Some(was) = &self.was {
            put("was", was.to_value());
        }
        if self.edge != Edge::Change {
            put("edge", json!(self.edge));
        }
        if self.on != [Operation::Update] {
            put("on", json!(self.on));
        }
        if let Some(when) = &self.when {
            put("when", when.to_value());
        }
        if !self.enabled {
            put("enabled", json!(false));
        }
        if let Some(at) = self.expires_at {
            put("expires_at", json!(at));
        }
        if let Some(description) = &self.description {
            put("description", json!(description));
        }
    }
}

impl Was {
    fn to_value(&self) -> Json {
        match self {
            Self::Equals(operand) => match operand.to_value() {
                // An object with this key would be read back as `Matches`.
                Json::Object(map) if map.contains_key("operator") => json!({ "literal": map }),
                other => other,
            },
            Self::Matches { operator, value } if operator.takes_value() => {
                json!({ "operator": operator.name(), "value": value.to_value() })
            }
            Self::Matches { operator, .. } => json!({ "operator": operator.name() }),
        }
    }
}

/// Operations in their fixed order, each once.
pub(super) fn ordered(operations: impl IntoIterator<Item = Operation>) -> Vec<Operation> {
    let given: Vec<Operation> = operations.into_iter().collect();
    [Operation::Insert, Operation::Update, Operation::Delete]
        .into_iter()
        .filter(|operation| given.contains(operation))
        .collect()
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}
