//! A model with a field of every type, and a small catalog.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod errors;

use std::sync::Arc;

use bigdecimal::BigDecimal;
use celerysalt::catalog::{EventInfo, EventSchema, EventSchemas};
use celerysalt::chain::Chain;
use celerysalt::model::{Change, FieldDef, ModelDef, Operation, Row};
use celerysalt::rules::{
    Env, EvaluateError, Evaluation, Rule, RuleSets, Rules, Verdict, evaluate, explain,
};
use celerysalt::value::{FieldType, Value};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

/// An order with a field of every type.
pub(crate) fn model() -> ModelDef {
    let names = ["draft", "open", "closed"].map(str::to_owned).to_vec();
    let fields = [
        ("id", FieldType::Uuid),
        ("status", FieldType::Text),
        ("amount", FieldType::Decimal),
        ("credit_limit", FieldType::Decimal),
        ("count", FieldType::Int),
        ("ratio", FieldType::Float),
        ("vip", FieldType::Bool),
        ("state", FieldType::Enum(names)),
        ("placed_at", FieldType::DateTime),
        ("local_at", FieldType::LocalDateTime),
        ("day", FieldType::Date),
        ("hour", FieldType::Time),
        ("metadata", FieldType::Json),
        ("blob", FieldType::Unsupported("bytea".to_owned())),
        ("note", FieldType::Text),
    ];
    let fields = fields.map(|(name, ty)| FieldDef {
        name: name.to_owned(),
        ty,
        nullable: true,
    });
    ModelDef::new("order", fields.to_vec())
}

/// A row of nulls but for these fields.
pub(crate) fn row(model: &ModelDef, values: &[(&str, Value)]) -> Row {
    let mut row = Row::new(vec![Value::Null; model.fields().len()]);
    for (name, value) in values {
        let (at, _) = model.field(name).unwrap();
        row.set(at, value.clone());
    }
    row
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub(crate) fn dec(value: &str) -> Value {
    Value::Decimal(value.parse::<BigDecimal>().unwrap())
}

pub(crate) fn at(value: &str) -> Value {
    Value::DateTime(DateTime::parse_from_rfc3339(value).unwrap())
}

pub(crate) fn now() -> DateTime<Utc> {
    "2030-01-31T12:00:00Z".parse().unwrap()
}

/// Knows `order.paid` (with a schema, as `OrderPaid`), `order.noted` and `order.closed` (without).
pub(crate) struct Catalog {
    paid: Arc<EventSchema>,
}

impl Catalog {
    pub(crate) fn new() -> Self {
        let document = json!({
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "amount": {"type": "string"}},
            "required": ["order_id"],
            "additionalProperties": false
        });
        let validator = jsonschema::validator_for(&document).unwrap();
        let paid = Arc::new(EventSchema {
            document,
            validator,
        });
        Self { paid }
    }
}

impl EventSchemas for Catalog {
    fn resolve(&self, event_class: &str) -> Option<EventInfo> {
        let (topic, schema) = match event_class {
            "order.paid" | "OrderPaid" => ("order.paid", Some(Arc::clone(&self.paid))),
            "order.noted" | "OrderNoted" => ("order.noted", None),
            "order.closed" => ("order.closed", None),
            _ => return None,
        };
        Some(EventInfo {
            topic: topic.to_owned(),
            version: Some("v2".to_owned()),
            schema,
        })
    }

    fn similar(&self, _: &str) -> Vec<String> {
        vec!["order.paid".to_owned()]
    }
}

/// One save, to be evaluated and explained.
pub(crate) struct Save<'a> {
    pub(crate) model: &'a ModelDef,
    pub(crate) operation: Operation,
    pub(crate) old: Option<Row>,
    pub(crate) new: Row,
    pub(crate) aggregate: &'a str,
    pub(crate) chain: Chain,
    pub(crate) now: DateTime<Utc>,
}

impl<'a> Save<'a> {
    pub(crate) fn update(
        model: &'a ModelDef,
        old: &[(&str, Value)],
        new: &[(&str, Value)],
    ) -> Self {
        Self {
            model,
            operation: Operation::Update,
            old: Some(row(model, old)),
            new: row(model, new),
            aggregate: "order:1",
            chain: Chain::default(),
            now: now(),
        }
    }

    pub(crate) fn insert(model: &'a ModelDef, new: &[(&str, Value)]) -> Self {
        Self {
            operation: Operation::Insert,
            old: None,
            ..Self::update(model, &[], new)
        }
    }

    pub(crate) fn delete(model: &'a ModelDef, row: &[(&str, Value)]) -> Self {
        Self {
            operation: Operation::Delete,
            ..Self::update(model, row, row)
        }
    }

    fn with<T>(&self, run: impl FnOnce(&Change<'_>, &Env<'_>) -> T) -> T {
        let change = Change {
            operation: self.operation,
            old: self.old.as_ref(),
            new: &self.new,
            aggregate: self.aggregate,
        };
        let catalog = Catalog::new();
        let env = Env {
            now: self.now,
            chain: &self.chain,
            schemas: &catalog,
        };
        run(&change, &env)
    }

    pub(crate) fn try_evaluate(
        &self,
        row: &Rules,
        others: &[&Rules],
    ) -> Result<Evaluation, EvaluateError> {
        self.with(|change, env| evaluate(self.model, change, &RuleSets { row, others }, env))
    }

    pub(crate) fn evaluate(&self, rules: &Rules) -> Evaluation {
        self.try_evaluate(rules, &[]).unwrap()
    }

    pub(crate) fn explain(&self, row: &Rules, others: &[&Rules]) -> Vec<Verdict> {
        self.with(|change, env| explain(self.model, change, &RuleSets { row, others }, env))
    }

    /// Whether this one rule fires; evaluation and explanation must say the same.
    pub(crate) fn fires(&self, rule: &Rule) -> bool {
        let rules = Rules::from(vec![rule.clone()]);
        let evaluation = self.evaluate(&rules);
        assert_eq!(evaluation.broken, vec![], "{rule:?}");
        let fired = !evaluation.events.is_empty();
        let verdicts = self.explain(&rules, &[]);
        assert_eq!(verdicts[0].fired, fired, "{}", verdicts[0].reason);
        fired
    }
}

/// A rule from the JSON of its interesting keys.
pub(crate) fn rule(keys: Json) -> Rule {
    let mut document =
        json!({"id": "r", "event_class": "order.noted", "event_data": {}, "persist": true});
    let Json::Object(keys) = keys else {
        panic!("an object")
    };
    document.as_object_mut().unwrap().extend(keys);
    serde_json::from_value(document).unwrap()
}

/// A row whose status is this.
pub(crate) fn status(value: &str) -> [(&'static str, Value); 1] {
    [("status", text(value))]
}

/// Fires when the status becomes paid.
pub(crate) fn paid() -> Rule {
    Rule::when("status")
        .eql("paid")
        .emit_topic("order.noted", json!({"order": "{{ note }}"}))
}

pub(crate) fn only(rule: Rule) -> Rules {
    Rules::from(vec![rule])
}
