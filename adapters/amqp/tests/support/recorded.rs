//! Messages that the real Python packages wrote.
#![allow(clippy::unwrap_used)]

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString, ShortString};
use serde_json::{Map, Value};

pub(crate) fn recorded() -> Vec<Value> {
    serde_json::from_str(include_str!("../data/celery-salt-1.6.0.json")).unwrap()
}

fn amqp(value: &Value) -> AMQPValue {
    match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(b) => AMQPValue::Boolean(*b),
        Value::Number(n) => n.as_i64().map_or_else(
            || AMQPValue::Double(n.as_f64().unwrap()),
            AMQPValue::LongLongInt,
        ),
        Value::String(text) => AMQPValue::LongString(LongString::from(text.as_str())),
        Value::Array(items) => {
            AMQPValue::FieldArray(FieldArray::from(items.iter().map(amqp).collect::<Vec<_>>()))
        }
        Value::Object(map) => AMQPValue::FieldTable(table(map)),
    }
}

fn table(map: &Map<String, Value>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in map {
        table.insert(ShortString::from(name.as_str()), amqp(value));
    }
    table
}

fn short(value: &Value) -> Option<ShortString> {
    value.as_str().map(ShortString::from)
}

pub(crate) fn properties(message: &Value) -> BasicProperties {
    let given = &message["properties"];
    let mut properties = BasicProperties::default();
    if let Some(headers) = message["headers"].as_object() {
        properties = properties.with_headers(table(headers));
    }
    if let Some(text) = short(&given["content_type"]) {
        properties = properties.with_content_type(text);
    }
    if let Some(text) = short(&given["content_encoding"]) {
        properties = properties.with_content_encoding(text);
    }
    if let Some(text) = short(&given["correlation_id"]) {
        properties = properties.with_correlation_id(text);
    }
    if let Some(text) = short(&given["reply_to"]) {
        properties = properties.with_reply_to(text);
    }
    if let Some(priority) = given["priority"].as_u64() {
        properties = properties.with_priority(priority as u8);
    }
    properties
}
