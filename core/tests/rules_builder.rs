//! Rules written in Rust and in JSON are the same rules.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::rules::{Guard, GuardField, Operand, Operator, Rule, RuleDraft, RuleField};
use serde_json::{Value as Json, json};

#[test]
fn builders_and_json_say_the_same() {
    type Pair = (fn(RuleField) -> RuleDraft, fn(GuardField) -> Guard, Json);
    let pairs: Vec<Pair> = vec![
        (
            |f| f.eql(1),
            |f| f.eql(1),
            json!({"operator": "eql", "value": 1}),
        ),
        (
            |f| f.neq("a"),
            |f| f.neq("a"),
            json!({"operator": "neq", "value": "a"}),
        ),
        (
            |f| f.gt(1),
            |f| f.gt(1),
            json!({"operator": "gt", "value": 1}),
        ),
        (
            |f| f.gte(1),
            |f| f.gte(1),
            json!({"operator": "gte", "value": 1}),
        ),
        (
            |f| f.lt(1),
            |f| f.lt(1),
            json!({"operator": "lt", "value": 1}),
        ),
        (
            |f| f.lte(1),
            |f| f.lte(1),
            json!({"operator": "lte", "value": 1}),
        ),
        (
            |f| f.between(1, 2),
            |f| f.between(1, 2),
            json!({"operator": "between", "value": [1, 2]}),
        ),
        (
            |f| f.is_in([1, 2]),
            |f| f.is_in([1, 2]),
            json!({"operator": "in", "value": [1, 2]}),
        ),
        (
            |f| f.not_in([1]),
            |f| f.not_in([1]),
            json!({"operator": "not_in", "value": [1]}),
        ),
        (
            |f| f.contains("a"),
            |f| f.contains("a"),
            json!({"operator": "contains", "value": "a"}),
        ),
        (
            |f| f.not_contains("a"),
            |f| f.not_contains("a"),
            json!({"operator": "not_contains", "value": "a"}),
        ),
        (
            |f| f.starts_with("a"),
            |f| f.starts_with("a"),
            json!({"operator": "starts_with", "value": "a"}),
        ),
        (
            |f| f.ends_with("a"),
            |f| f.ends_with("a"),
            json!({"operator": "ends_with", "value": "a"}),
        ),
        (
            |f| f.matches("a"),
            |f| f.matches("a"),
            json!({"operator": "matches", "value": "a"}),
        ),
        (
            |f| f.is_null(),
            |f| f.is_null(),
            json!({"operator": "is_null"}),
        ),
        (
            |f| f.not_null(),
            |f| f.not_null(),
            json!({"operator": "not_null"}),
        ),
        (
            |f| f.changed(),
            |f| f.changed(),
            json!({"operator": "changed"}),
        ),
        (
            |f| f.unchanged(),
            |f| f.unchanged(),
            json!({"operator": "unchanged"}),
        ),
        (
            |f| f.increased(),
            |f| f.increased(),
            json!({"operator": "increased"}),
        ),
        (
            |f| f.decreased(),
            |f| f.decreased(),
            json!({"operator": "decreased"}),
        ),
        (
            |f| f.increased_by(1),
            |f| f.increased_by(1),
            json!({"operator": "increased_by", "value": 1}),
        ),
        (
            |f| f.decreased_by(Operand::field("y")),
            |f| f.decreased_by(Operand::field("y")),
            json!({"operator": "decreased_by", "value": {"field": "y"}}),
        ),
    ];
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
