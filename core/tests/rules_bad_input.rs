//! Every error of the check: each names the rule, the path, the problem and the remedy.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::rules::{Rule, Rules, check};
use rules_support::errors::{assert_error, document, error_in, errors_of};
use rules_support::{Catalog, model};
use serde_json::{Value as Json, json};

#[test]
fn a_sound_document_passes() {
    check(
        &model(),
        &Catalog::new(),
        &Rules::from_value(json!([document(json!({}))])),
    )
    .unwrap();
}

#[test]
fn unknown_keys_are_named_also_in_nested_guards() {
    assert_error(
        json!({"feild_name": 1}),
        "feild_name",
        &["unknown key `feild_name`", "did you mean `field_name`"],
    );
    let guard = json!({"all": [{"not": {"field_name": "vip", "operator": "eql", "value": true, "valu": 1}}]});
    assert_error(
        json!({"when": guard}),
        "when.all[0].not.valu",
        &["unknown key `valu`"],
    );
    assert_error(
        json!({"when": {"all": [], "any": []}}),
        "when.any",
        &["unknown key `any`"],
    );
    assert_error(
        json!({"was": {"operator": "eql", "value": "a", "edge": 1}}),
        "was.edge",
        &["unknown key `edge`"],
    );
}

#[test]
fn missing_keys_and_wrong_kinds_are_named() {
    let without = |key: &str| {
        let mut document = document(json!({}));
        document.as_object_mut().unwrap().remove(key);
        error_in(&model(), document).1
    };
    for key in ["field_name", "operator", "value", "event_class"] {
        assert!(
            without(key).contains(&format!("the key `{key}` is missing")),
            "{key}"
        );
    }
    assert_error(
        json!({"field_name": 5}),
        "field_name",
        &["a number", "a string is expected"],
    );
    assert_error(
        json!({"field_name": ""}),
        "field_name",
        &["an empty string"],
    );
    assert_error(json!({"persist": "yes"}), "persist", &["true or false"]);
    assert_error(json!({"enabled": 1}), "enabled", &["true or false"]);
    assert_error(
        json!({"edge": "rise"}),
        "edge",
        &["`rise`", "`change`, `enter` or `level`"],
    );
    assert_error(json!({"on": "update"}), "on", &["an array of operations"]);
    assert_error(
        json!({"on": ["update", "upsert"]}),
        "on[1]",
        &["`upsert`", "`insert`, `update` or `delete`"],
    );
    assert_error(json!({"on": []}), "on", &["never fires"]);
    assert_error(
        json!({"expires_at": "tomorrow"}),
        "expires_at",
        &["RFC 3339"],
    );
    assert_error(
        json!({"description": 5}),
        "description",
        &["a string is expected"],
    );
    assert_error(json!({"when": []}), "when", &["a guard"]);
    assert_error(
        json!({"when": {"any": {}}}),
        "when.any",
        &["an array of guards"],
    );
    assert_error(json!({"event_data": [1]}), "event_data", &["an object"]);
}

#[test]
fn ids_are_bounded_and_stand_once() {
    let m = model();
    let said = |id: Json| {
        errors_of(&m, &Rules::from_value(json!([document(json!({"id": id}))]))).to_string()
    };
    assert!(said(json!("")).contains("1 to 200 characters"));
    assert!(said(json!("x".repeat(201))).contains("this one has 201"));
    assert!(said(json!(7)).contains("rule #0, `id`"));
    let twice = Rules::from_value(json!([document(json!({})), document(json!({}))]));
    let errors = errors_of(&m, &twice);
    assert_eq!(errors.len(), 1);
    assert!(errors.to_string().contains("same id"));
}

#[test]
fn an_entry_that_is_no_rule_is_named_by_its_position() {
    let rules = Rules::from_value(json!([document(json!({})), 5, {"operator": "eql"}]));
    let said: Vec<String> = errors_of(&model(), &rules)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said[0],
        "rule #1: a number stands where an object is expected"
    );
    assert!(
        said[1..].iter().all(|line| line.starts_with("rule #2")),
        "{said:?}"
    );
    let said = errors_of(&model(), &Rules::from_json("[{")).to_string();
    assert!(said.contains("not JSON"), "{said}");
    let said = errors_of(&model(), &Rules::from_json("{}")).to_string();
    assert!(said.contains("an object, not an array"), "{said}");
}

#[test]
fn unknown_operators_and_needless_values() {
    assert_error(
        json!({"operator": "eq"}),
        "operator",
        &[
            "unknown operator `eq`",
            "did you mean `eql`",
            "decreased_by",
        ],
    );
    assert_error(
        json!({"operator": "is_null", "value": 5}),
        "value",
        &["takes no value"],
    );
    assert_error(
        json!({"was": {"operator": "equals", "value": 1}}),
        "was.operator",
        &["unknown operator"],
    );
}

#[test]
fn unknown_fields_and_bad_paths() {
    assert_error(
        json!({"field_name": "stauts"}),
        "field_name",
        &["`order` has no field `stauts`", "did you mean `status`"],
    );
    assert_error(
        json!({"field_name": "colour"}),
        "field_name",
        &["its fields:", "`metadata`"],
    );
    assert_error(
        json!({"field_name": "status.x"}),
        "field_name",
        &["`status` is text", "only into JSON"],
    );
    assert_error(
        json!({"field_name": "metadata..x"}),
        "field_name",
        &["empty segment"],
    );
    assert_error(
        json!({"field_name": "blob"}),
        "field_name",
        &["`bytea`", "another field"],
    );
    assert_error(
        json!({"value": {"field": "stauts"}}),
        "value",
        &["did you mean `status`"],
    );
    assert_error(json!({"value": {"old": "blob"}}), "value", &["`bytea`"]);
    assert_error(
        json!({"when": {"field_name": "amuont", "operator": "not_null"}}),
        "when.field_name",
        &["`amount`"],
    );
    let long = format!("metadata{}", ".x".repeat(16));
    assert_error(
        json!({"field_name": long}),
        "field_name",
        &["segments of a path", "17", "at most 16"],
    );
}

#[test]
fn operators_without_meaning_on_the_type() {
    assert_error(
        json!({"field_name": "vip", "operator": "gt", "value": true}),
        "operator",
        &["a boolean", "use one of eql, neq"],
    );
    let guard = json!({"not": {"field_name": "count", "operator": "starts_with", "value": "1"}});
    assert_error(json!({"when": guard}), "when.not.operator", &["an integer"]);
    assert_error(
        json!({"was": {"operator": "changed"}}),
        "was.operator",
        &["compares the old row", "only the old"],
    );
    let guard = json!({"field_name": {"old": "count"}, "operator": "changed"});
    assert_error(
        json!({"when": guard}),
        "when.operator",
        &["compares the old row"],
    );
}

#[test]
fn unknown_and_forbidden_events() {
    assert_error(
        json!({"event_class": "order.payed"}),
        "event_class",
        &["unknown event `order.payed`", "did you mean `order.paid`"],
    );
    let m = model().allow_events(["OrderPaid", "order.closed"]);
    let (path, said) = error_in(&m, document(json!({})));
    assert_eq!(path, "event_class");
    assert!(
        said.contains("may not emit `order.noted`") && said.contains("`OrderPaid`, `order.closed`"),
        "{said}"
    );
    let fine = document(json!({"event_class": "order.paid", "event_data": {"order_id": "1"}}));
    check(&m, &Catalog::new(), &Rules::from_value(json!([fine]))).unwrap();
}

#[test]
fn event_data_that_names_nothing_or_cannot_fit() {
    assert_error(
        json!({"event_data": {"a": "{{ stauts }}"}}),
        "event_data.a",
        &["stauts"],
    );
    let data = json!({"event_class": "order.paid", "event_data": {"order_id": 5}});
    assert_error(
        data,
        "event_data.order_id",
        &["does not fit the schema of `order.paid`"],
    );
}

#[test]
fn all_problems_are_reported_not_only_the_first() {
    let bad = json!({
        "id": "r1", "field_name": "amount", "operator": "gt", "value": "much", "was": true,
        "when": {"all": [
            {"field_name": "stauts", "operator": "eql", "value": 1},
            {"field_name": "vip", "operator": "lt", "value": true}
        ]},
        "event_class": "nothing", "event_data": {"a": "{{ nobody }}"}
    });
    let rules = Rules::from_value(json!([bad, document(json!({"id": "r2", "value": 5}))]));
    let errors = errors_of(&model(), &rules);
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    let expected = [
        "event_data.a",
        "value",
        "was",
        "when.all[0].field_name",
        "when.all[1].operator",
        "event_class",
        "value",
    ];
    assert_eq!(paths, expected, "{errors}");
    let document = json!({"id": "r1", "field_name": 5, "operator": "eq", "event": 1, "persist": 1});
    let errors = errors_of(&model(), &Rules::from_value(json!([document])));
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["event", "operator", "field_name", "", "persist"]);
    // What is wrong with the document hides nothing of what is wrong with the rule.
    let document = json!({
        "id": "r1", "field_name": "stauts", "operator": "eql", "value": 1, "oops": 1, "on": [],
        "was": {"operator": "nope", "value": 1}, "event_class": "nothing", "event_data": {"a": "{{ nobody }}"}
    });
    let errors = errors_of(&model(), &Rules::from_value(json!([document])));
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "oops",
            "was.operator",
            "on",
            "event_data.a",
            "field_name",
            "event_class"
        ]
    );
}

#[test]
fn a_rule_that_cannot_be_read_does_not_deserialize_and_says_why() {
    let error = serde_json::from_value::<Rule>(document(json!({"valu": 5})))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("rule `r1`, `valu`: unknown key `valu`, did you mean `value`?"),
        "{error}"
    );
}

fn places(documents: Json) -> Vec<(String, String)> {
    let errors = errors_of(&model(), &Rules::from_value(documents));
    let places = errors.into_iter().map(|e| (e.rule.to_string(), e.path));
    places.collect()
}

#[test]
fn an_unreadable_operator_hides_no_other_problem() {
    let paths = |keys: Json| {
        let places = places(json!([document(keys)]));
        places.into_iter().map(|(_, p)| p).collect::<Vec<_>>()
    };
    assert_eq!(
        paths(
            json!({"field_name": "stauts", "operator": "eqll", "oops": 1, "event_class": "nothing"})
        ),
        ["oops", "operator", "field_name", "event_class"]
    );
    let guard = json!({"any": [
        {"field_name": "cuont", "operator": "gt", "value": 1},
        {"field_name": "vpi", "operator": "gtt", "value": 1},
        {"all": 5},
    ]});
    assert_eq!(
        paths(json!({"field_name": "count", "value": "five", "when": guard})),
        [
            "when.any[1].operator",
            "when.any[2].all",
            "value",
            "when.any[0].field_name",
            "when.any[1].field_name"
        ]
    );
    // One problem is one error: an unknown operation is not also an empty `on`.
    assert_eq!(paths(json!({"on": ["upsert"]})), ["on[0]"]);
    assert_eq!(paths(json!({"when": {}})), ["when"]);
    assert_eq!(paths(json!({"when": {"al": []}})), ["when.al"]);
}

#[test]
fn a_broken_rule_without_id_is_not_blamed_for_it() {
    let document = json!({"field_name": "status", "operator": "changed", "event_class": "order.noted", "persist": 1});
    let expected = [("rule #0".to_owned(), "persist".to_owned())];
    assert_eq!(places(json!([document])), expected);
}

#[test]
fn an_id_that_stands_twice_is_told_of_broken_rules_too() {
    let broken = document(json!({"operator": "zz"}));
    let sound = document(json!({}));
    let r1 = |path: &str| ("rule `r1`".to_owned(), path.to_owned());
    for (documents, expected) in [
        (json!([broken, sound]), [r1("operator"), r1("id")]),
        (json!([sound, broken]), [r1("operator"), r1("id")]),
        (
            json!([sound, document(json!({"field_name": "nobody"}))]),
            [r1("id"), r1("field_name")],
        ),
    ] {
        assert_eq!(places(documents), expected);
    }
}

#[test]
fn a_key_of_null_is_a_key_left_out() {
    let keys = json!({"persist": null, "enabled": null, "edge": null, "on": null, "when": null, "expires_at": null, "description": null, "event_data": null});
    let rule = Rule::from_value(&document(keys)).unwrap();
    assert_eq!(rule, Rule::from_value(&document(json!({}))).unwrap());
}
