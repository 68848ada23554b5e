//! A model, a rule for it and a save of it.
// Each test file takes a part of it.
#![allow(dead_code, unreachable_pub)]

use celerysalt::event;
use celerysalt::follow::{Moment, Plan, Save, plan};
use celerysalt::model::{FieldDef, ModelDef, Operation, Row};
use celerysalt::rules::{Rule, Rules};
use celerysalt::value::{FieldType, Value};
use chrono::{DateTime, Utc};
use serde_json::json;

/// The order moved.
#[event("rule_table.moved")]
pub struct Moved {
    /// Where to.
    pub to: String,
}

pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

pub fn model() -> ModelDef {
    let status = FieldDef {
        name: "status".to_owned(),
        ty: FieldType::Text,
        nullable: false,
    };
    ModelDef::new("order", vec![status])
}

pub fn moved(id: &str) -> Rule {
    let data = json!({"to": "{{ status }}"});
    Rule::when("status").changed().emit::<Moved>(data).id(id)
}

/// An update of a row without rules of its own.
pub fn save(from: &str, to: &str) -> Plan {
    let row = |status: &str| Row::new(vec![Value::Text(status.to_owned())]);
    let save = Save {
        model: &model(),
        operation: Operation::Update,
        old: Some(&row(from)),
        new: &row(to),
        aggregate: "order:1",
        stored: &Rules::new(),
        callers: None,
    };
    plan(&save, &Moment::current()).unwrap()
}
