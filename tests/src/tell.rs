//! Short words for the rules of cases: each tells under its label that it fired.

use celerysalt::rules::Rule;
use serde_json::{Value as Json, json};

use crate::bench::{Bench, Fired};
use crate::order::Order;

/// A rule from these keys of its JSON, which tells its label and stays.
pub fn tells(label: &str, keys: Json) -> Rule {
    telling(label, Json::Null, keys)
}

/// A rule from these keys of its JSON, which tells its label and `told` and stays.
pub fn telling(label: &str, told: Json, keys: Json) -> Rule {
    let mut rule = json!({
        "id": label,
        "event_class": "order.told",
        "event_data": {"label": label, "told": told},
        "persist": true,
    });
    for (key, value) in keys.as_object().expect("keys of a rule") {
        rule[key] = value.clone();
    }
    Rule::from_value(&rule).unwrap_or_else(|error| panic!("{label}: {error}"))
}

/// The labels of the events.
pub fn labels(fired: &[Fired]) -> Vec<&str> {
    let mut labels = Vec::new();
    for event in fired {
        labels.push(event.payload["label"].as_str().unwrap_or(&event.topic));
    }
    labels
}

/// Asserts which rules of an order have told something so far, in order.
pub async fn assert_told(bench: &Bench, order: &Order, expected: &[&str]) {
    let fired = bench.fired(order).await;
    assert_eq!(labels(&fired), expected);
}
