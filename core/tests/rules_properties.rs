//! Laws of rules: order does not matter, explanation agrees, printing loses nothing.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use std::collections::BTreeSet;

use celerysalt::model::{ModelDef, Operation};
use celerysalt::rules::{Operator, Rule, Rules};
use celerysalt::value::Value;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rules_support::{Save, dec, model, text};
use serde_json::{Value as Json, json};

fn literal(field: &'static str) -> BoxedStrategy<Json> {
    match field {
        "status" => select(vec!["a", "b", "ab", ""])
            .prop_map(Json::from)
            .boxed(),
        "amount" => select(vec!["1", "1.0", "2.5", "-3"])
            .prop_map(Json::from)
            .boxed(),
        "count" => (-2_i64..4).prop_map(Json::from).boxed(),
        "ratio" => select(vec![0.0, 0.5, 1.0, 2.0])
            .prop_map(Json::from)
            .boxed(),
        "vip" => any::<bool>().prop_map(Json::from).boxed(),
        _ => select(vec![
            json!(1),
            json!(1.0),
            json!("a"),
            json!([1, "a"]),
            json!({"k": 1}),
        ])
        .boxed(),
    }
}

const FIELDS: [&str; 7] = [
    "status",
    "amount",
    "count",
    "ratio",
    "vip",
    "metadata",
    "metadata.x",
];

fn value(field: &'static str) -> BoxedStrategy<Value> {
    let some = literal(field).prop_map(move |literal| match field {
        "status" => text(literal.as_str().unwrap()),
        "amount" => dec(literal.as_str().unwrap()),
        "count" => Value::Int(i128::from(literal.as_i64().unwrap())),
        "ratio" => Value::Float(literal.as_f64().unwrap()),
        "vip" => Value::Bool(literal.as_bool().unwrap()),
        _ => Value::Json(json!({"x": literal, "k": 1})),
    });
    let odd = match field {
        "ratio" => Value::Float(f64::NAN),
        _ => Value::Null,
    };
    prop_oneof![6 => some, 1 => Just(Value::Null), 1 => Just(odd)].boxed()
}

type Values = Vec<(&'static str, Value)>;

fn values() -> impl Strategy<Value = Values> {
    let field = |name: &'static str| value(name).prop_map(move |value| (name, value));
    (
        field("status"),
        field("amount"),
        field("count"),
        field("ratio"),
        field("vip"),
        field("metadata"),
    )
        .prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f])
}

/// A field, an operator and an operand; mostly, but not always, ones that fit together.
fn condition() -> impl Strategy<Value = (&'static str, Operator, Json)> {
    (select(FIELDS.to_vec()), select(Operator::ALL.to_vec())).prop_flat_map(|(field, operator)| {
        let reference = select(FIELDS.to_vec()).prop_map(|name| json!({"field": name})).boxed();
        let old = select(FIELDS.to_vec()).prop_map(|name| json!({"old": name})).boxed();
        let one = || prop_oneof![8 => literal(field), 1 => reference.clone(), 1 => old.clone(), 1 => Just(json!(null))];
        let value = match operator {
            Operator::In | Operator::NotIn => prop::collection::vec(one(), 0..4).prop_map(Json::from).boxed(),
            Operator::Between => (literal(field), literal(field)).prop_map(|(a, b)| json!([a, b])).boxed(),
            Operator::Matches => select(vec!["a", "^b$", ""]).prop_map(Json::from).boxed(),
            operator if !operator.takes_value() => Just(json!(null)).boxed(),
            _ => one().boxed(),
        };
        (Just(field), Just(operator), value)
    })
}

fn leaf(keys: (&'static str, Operator, Json), old: bool) -> Json {
    let (field, operator, value) = keys;
    let subject = if old {
        json!({"old": field})
    } else {
        json!(field)
    };
    json!({"field_name": subject, "operator": operator.name(), "value": value})
}

fn guard() -> impl Strategy<Value = Json> {
    let leaf = (condition(), prop::bool::weighted(0.2)).prop_map(|(keys, old)| leaf(keys, old));
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({"all": all})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|any| json!({"any": any})),
            inner.prop_map(|not| json!({"not": not})),
        ]
    })
}

fn document() -> impl Strategy<Value = Json> {
    let on = subsequence(vec!["insert", "update", "delete"], 1..=3);
    let was = prop::option::weighted(0.2, condition());
    let edge = select(vec!["change", "enter", "level"]);
    let when = prop::option::weighted(0.3, guard());
    (
        condition(),
        edge,
        on,
        was,
        when,
        any::<bool>(),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(keys, edge, on, was, when, persist, enabled)| {
            let mut document = leaf(keys, false);
            document["edge"] = json!(edge);
            document["on"] = json!(on);
            document["event_class"] = json!("order.noted");
            document["event_data"] = json!({"s": "{{ status }}"});
            document["persist"] = json!(persist);
            document["enabled"] = json!(enabled);
            if let Some((_, operator, value)) = was {
                document["was"] = json!({"operator": operator.name(), "value": value});
            }
            if let Some(when) = when {
                document["when"] = when;
            }
            document
        })
}

/// Documents with ids `r0`, `r1`, …; some are broken.
fn documents() -> impl Strategy<Value = Vec<Json>> {
    prop::collection::vec(document(), 1..25).prop_map(|mut documents| {
        for (i, document) in documents.iter_mut().enumerate() {
            document["id"] = json!(format!("r{i}"));
        }
        documents
    })
}

fn save<'m>(model: &'m ModelDef, operation: Operation, old: &Values, new: &Values) -> Save<'m> {
    match operation {
        Operation::Insert => Save::insert(model, new),
        Operation::Update => Save::update(model, old, new),
        Operation::Delete => Save::delete(model, new),
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let operations = vec![
        Operation::Insert,
        Operation::Update,
        Operation::Update,
        Operation::Delete,
    ];
    select(operations)
}

fn outcome(
    save: &Save<'_>,
    documents: &[Json],
) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let rules = Rules::loaded_value(Json::Array(documents.to_vec()));
    let evaluation = save.evaluate(&rules);
    let fired = evaluation
        .events
        .iter()
        .map(|event| event.meta.rule_id.clone().unwrap());
    let broken = evaluation
        .broken
        .iter()
        .map(|broken| broken.id.clone().unwrap());
    (
        fired.collect(),
        evaluation.spent.iter().cloned().collect(),
        broken.collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evaluation_does_not_depend_on_order_or_company(
        documents in documents(), operation in operation(), old in values(), new in values(), turn in 0_usize..25,
    ) {
        let model = model();
        let save = save(&model, operation, &old, &new);
        let together = outcome(&save, &documents);
        let mut turned = documents.clone();
        turned.reverse();
        let by = turn % turned.len();
        turned.rotate_left(by);
        prop_assert_eq!(&outcome(&save, &turned), &together);
        let mut alone = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for document in &documents {
            let (fired, spent, broken) = outcome(&save, std::slice::from_ref(document));
            alone.0.extend(fired);
            alone.1.extend(spent);
            alone.2.extend(broken);
        }
        prop_assert_eq!(&alone, &together);
    }

    #[test]
    fn explanation_agrees_with_evaluation(
        documents in documents(), operation in operation(), old in values(), new in values(),
    ) {
        let model = model();
        let save = save(&model, operation, &old, &new);
        let rules = Rules::loaded_value(Json::Array(documents.clone()));
        let (fired, _, _) = outcome(&save, &documents);
        let verdicts = save.explain(&rules, &[]);
        prop_assert_eq!(verdicts.len(), documents.len());
        let said = verdicts.iter().filter(|verdict| verdict.fired);
        prop_assert_eq!(said.map(|verdict| verdict.rule_id.clone()).collect::<BTreeSet<_>>(), fired);
        for verdict in &verdicts {
            let start = if verdict.fired { "fired: " } else { "did not fire: " };
            prop_assert!(verdict.reason.starts_with(start), "{}", verdict.reason);
        }
    }

    #[test]
    fn what_is_printed_reads_the_same(documents in documents()) {
        let rules = Rules::loaded_value(Json::Array(documents));
        let again = Rules::loaded(&rules.to_json());
        prop_assert_eq!(&again, &rules);
        prop_assert_eq!(again.to_json(), rules.to_json());
        for rule in rules.iter() {
            prop_assert_eq!(&Rule::from_value(&rule.to_value()).unwrap(), rule);
        }
    }

    #[test]
    fn a_save_that_changes_nothing_fires_no_edge(documents in documents(), row in values()) {
        let row: Values = row.into_iter().filter(|(name, _)| *name != "ratio").collect();
        let model = model();
        let save = Save::update(&model, &row, &row);
        let (fired, _, _) = outcome(&save, &documents);
        for id in fired {
            let document = documents.iter().find(|document| document["id"] == json!(id)).unwrap();
            let moving = document["operator"] == "unchanged" && document["edge"] == "enter";
            prop_assert!(document["edge"] == "level" || moving, "{document}");
        }
    }

    #[test]
    fn what_a_check_lets_through_compiles(documents in documents(), operation in operation(), old in values(), new in values()) {
        let model = model();
        for document in documents {
            let rules = Rules::loaded_value(json!([document]));
            let sound = celerysalt::rules::check(&model, &rules_support::Catalog::new(), &rules).is_ok();
            let broken = !save(&model, operation, &old, &new).evaluate(&rules).broken.is_empty();
            prop_assert!(!(sound && broken), "{document}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_lost_or_makes_a_panic(text in "[\\[\\]{}\":,\\\\a-c0-9.eé \\-]{0,40}") {
        let rules = Rules::loaded(&text);
        let parses = serde_json::from_str::<Json>(&text).is_ok();
        if rules.broken().count() == 1 && !parses {
            prop_assert_eq!(rules.to_json(), text);
        } else {
            prop_assert_eq!(Rules::loaded(&rules.to_json()), rules);
        }
    }

    #[test]
    fn a_number_keeps_its_value_or_its_digits(digits in "-?[1-9][0-9]{0,25}(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        let exact: bigdecimal::BigDecimal = digits.parse().unwrap();
        let kept: Json = serde_json::from_str(&celerysalt::json::keep_digits(&digits)).unwrap();
        let read = match &kept {
            Json::String(text) => text.clone(),
            number => number.to_string(),
        };
        prop_assert_eq!(read.parse::<bigdecimal::BigDecimal>().unwrap(), exact);
    }
}
