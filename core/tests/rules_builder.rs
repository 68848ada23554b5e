//! Rules written in Rust and in JSON are the same rules.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::rules::{Guard, GuardField, Operand, Operator, Rule, RuleDraft, RuleField};
use serde_json::{Value as Json, json};

/// A comparison, as a rule and as a guard builds it, and its keys in JSON.
type Comparison = (fn(RuleField) -> RuleDraft, fn(GuardField) -> Guard, Json);

macro_rules! comparisons {
    ($($method:ident($($value:expr),*) => $keys:tt;)*) => {
        [$((|f| f.$method($($value),*), |f| f.$method($($value),*), json!($keys)),)*]
    };
}

fn all() -> [Comparison; 22] {
    comparisons! {
        eql(1) => {"operator": "eql", "value": 1};
        neq("a") => {"operator": "neq", "value": "a"};
        gt(1) => {"operator": "gt", "value": 1};
        gte(1) => {"operator": "gte", "value": 1};
        lt(1) => {"operator": "lt", "value": 1};
        lte(1) => {"operator": "lte", "value": 1};
        between(1, 2) => {"operator": "between", "value": [1, 2]};
        is_in([1, 2]) => {"operator": "in", "value": [1, 2]};
        not_in([1]) => {"operator": "not_in", "value": [1]};
        contains("a") => {"operator": "contains", "value": "a"};
        not_contains("a") => {"operator": "not_contains", "value": "a"};
        starts_with("a") => {"operator": "starts_with", "value": "a"};
        ends_with("a") => {"operator": "ends_with", "value": "a"};
        matches("a") => {"operator": "matches", "value": "a"};
        is_null() => {"operator": "is_null"};
        not_null() => {"operator": "not_null"};
        changed() => {"operator": "changed"};
        unchanged() => {"operator": "unchanged"};
        increased() => {"operator": "increased"};
        decreased() => {"operator": "decreased"};
        increased_by(1) => {"operator": "increased_by", "value": 1};
        decreased_by(Operand::field("y")) => {"operator": "decreased_by", "value": {"field": "y"}};
    }
}

#[test]
fn builders_and_json_say_the_same() {
    let pairs = all();
    assert_eq!(pairs.len(), Operator::ALL.len());
    for (rule, guard, keys) in pairs {
        let mut document =
            json!({"id": "r", "field_name": "x", "event_class": "e", "event_data": {}});
        document
            .as_object_mut()
            .unwrap()
            .extend(keys.as_object().unwrap().clone());
        let mut leaf = json!({"field_name": "x"});
        leaf.as_object_mut()
            .unwrap()
            .extend(keys.as_object().unwrap().clone());
        document["when"] = leaf;
        let built = rule(Rule::when("x"))
            .guard(guard(Guard::field("x")))
            .id("r")
            .emit_topic("e", json!({}));
        assert_eq!(Rule::from_value(&document).unwrap(), built);
        assert_eq!(built.to_value(), document);
    }
}
