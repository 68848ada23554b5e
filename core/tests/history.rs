//! What saves leave as the history of a model.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::actor;
use celerysalt::chain::Chain;
use celerysalt::event;
use celerysalt::follow::{FollowError, Moment, Plan, Save, check_code_rules, plan};
use celerysalt::history::{History, Transition};
use celerysalt::model::{FieldDef, ModelDef, Operation, Row};
use celerysalt::rules::{Rule, Rules};
use celerysalt::value::{FieldType, Value};
use serde_json::{Value as Json, json};

/// The order moved.
#[event("history.moved")]
pub struct Moved {
    /// Where to.
    pub to: String,
}

fn model() -> ModelDef {
    let field = |name: &str, ty| FieldDef {
        name: name.to_owned(),
        ty,
        nullable: true,
    };
    let fields = vec![
        field("status", FieldType::Text),
        field("amount", FieldType::Decimal),
        field("paid_at", FieldType::DateTime),
        field("metadata", FieldType::Json),
        field("ratio", FieldType::Float),
        field("picture", FieldType::Unsupported("bytea".to_owned())),
    ];
    ModelDef::new("order", fields)
}

fn row(status: &str, amount: &str, metadata: Json) -> Row {
    Row::new(vec![
        Value::Text(status.to_owned()),
        Value::Decimal(amount.parse().unwrap()),
        Value::Null,
        Value::Json(metadata),
        Value::Float(f64::NAN),
        Value::Null,
    ])
}

fn moved(id: &str, field: &str) -> Rule {
    let rule = Rule::when(field).changed().on([Operation::Update]);
    rule.emit::<Moved>(json!({"to": "{{ status }}"})).id(id)
}

fn saved(model: &ModelDef, old: &Row, new: &Row, rules: &[Rule]) -> Plan {
    planned(
        model,
        Operation::Update,
        Some(old),
        new,
        rules,
        &Moment::current(),
    )
}

fn planned(
    model: &ModelDef,
    operation: Operation,
    old: Option<&Row>,
    new: &Row,
    rules: &[Rule],
    moment: &Moment,
) -> Plan {
    let rules = Rules::loaded(&Rules::from(rules.to_vec()).to_json());
    let save = Save {
        model,
        operation,
        old,
        new,
        aggregate: "order:1",
        stored: &rules,
        callers: None,
    };
    plan(&save, moment).unwrap()
}

/// Field, old, new and rule of each.
fn told(plan: &Plan) -> Vec<(&str, &Json, &Json, Option<&str>)> {
    let mut all = Vec::new();
    for each in &plan.transitions {
        all.push((
            each.field.as_str(),
            &each.old,
            &each.new,
            each.rule_id.as_deref(),
        ));
    }
    all
}

#[test]
fn a_model_without_history_leaves_none() {
    let (old, new) = (row("new", "1", json!({})), row("paid", "1", json!({})));
    let plan = saved(&model(), &old, &new, &[moved("r", "status")]);
    assert_eq!((plan.events.len(), plan.transitions), (1, vec![]));
}

#[test]
fn a_rule_that_fires_is_told_with_its_field_and_event() {
    let model = model().with_history(History::of_rules());
    let (old, new) = (
        row("new", "1", json!({"a": {"b": 1}})),
        row("paid", "2", json!({"a": {"b": [2]}})),
    );
    let rules = [moved("r", "status"), moved("deep", "metadata.a.b")];
    let plan = saved(&model, &old, &new, &rules);
    assert_eq!(
        told(&plan),
        [
            ("status", &json!("new"), &json!("paid"), Some("r")),
            ("metadata.a.b", &json!(1), &json!([2]), Some("deep")),
        ],
        "the amount changed and no rule looks at it"
    );
    let (event, first) = (&plan.events[0], &plan.transitions[0]);
    assert_eq!(first.event_id, Some(event.id));
    assert_eq!(first.correlation_id, event.meta.chain.correlation_id);
    assert_eq!(
        (first.model.as_str(), first.aggregate.as_str()),
        ("order", "order:1")
    );
    assert_eq!(first.operation, Operation::Update);
    assert_eq!(Some(first.at), event.meta.created_at);
    assert!(first.id < plan.transitions[1].id);
}

#[test]
fn listed_fields_are_told_once_whether_a_rule_fires_or_not() {
    let model = model().with_history(History::of_rules_and(["status", "amount", "ratio"]));
    let (old, new) = (
        row("new", "1", json!({})),
        row("paid", "123456789012345678.90", json!({"not": "listed"})),
    );
    let plan = saved(&model, &old, &new, &[moved("r", "status")]);
    assert_eq!(
        told(&plan),
        [
            ("status", &json!("new"), &json!("paid"), Some("r")),
            ("amount", &json!("1"), &json!("123456789012345678.90"), None),
        ]
    );
    assert_eq!(plan.transitions[1].event_id, None);
    let plan = saved(&model, &new, &new, &[moved("r", "status")]);
    assert!(plan.is_empty(), "{plan:?}");
    let (same, other) = (row("new", "1.5", json!({})), row("new", "1.50", json!({})));
    let plan = saved(&model, &same, &other, &[]);
    assert!(plan.is_empty(), "equal numbers: {plan:?}");
}

#[test]
fn a_row_comes_from_null_and_goes_to_null() {
    let model = model().with_history(History::of_rules_and(["status", "paid_at"]));
    let there = row("new", "1", json!({}));
    let moment = Moment::current();
    let inserted = planned(&model, Operation::Insert, None, &there, &[], &moment);
    assert_eq!(
        told(&inserted),
        [("status", &Json::Null, &json!("new"), None)]
    );
    let gone = moved("gone", "status");
    let gone = Rule {
        on: vec![Operation::Delete],
        ..gone
    };
    let deleted = planned(
        &model,
        Operation::Delete,
        Some(&there),
        &there,
        &[gone],
        &moment,
    );
    assert_eq!(
        told(&deleted),
        [("status", &json!("new"), &Json::Null, Some("gone"))]
    );
    assert_eq!(deleted.transitions[0].operation, Operation::Delete);
}

#[test]
fn who_saved_and_in_which_chain_is_told() {
    let model = model().with_history(History::of_rules_and(["status"]));
    let (old, new) = (row("new", "1", json!({})), row("paid", "1", json!({})));
    let chain = Chain {
        correlation_id: Some("c".to_owned()),
        ..Chain::default()
    };
    let plan = actor::sync_scope("user:ada", || {
        chain.sync_scope(|| saved(&model, &old, &new, &[]))
    });
    let transition = &plan.transitions[0];
    assert_eq!(transition.actor.as_deref(), Some("user:ada"));
    assert_eq!(transition.correlation_id.as_deref(), Some("c"));
    let plan = saved(&model, &old, &new, &[]);
    assert_eq!(plan.transitions[0].actor, None);
    let text = serde_json::to_string(transition).unwrap();
    assert_eq!(
        &serde_json::from_str::<Transition>(&text).unwrap(),
        transition
    );
}

#[test]
fn what_a_save_without_transaction_left_in_its_note_goes_with_a_delete() {
    let model = model().with_history(History::of_rules_and(["status"]));
    let there = row("new", "1", json!({}));
    let mut moment = Moment::current();
    moment.actor = Some("deleter".to_owned());
    let noted = |note: Json| {
        let mut rules = Rules::loaded("[]");
        rules.set_note(Some(note));
        let save = Save {
            model: &model,
            operation: Operation::Delete,
            old: Some(&there),
            new: &there,
            aggregate: "order:1",
            stored: &rules,
            callers: None,
        };
        plan(&save, &moment).unwrap()
    };
    let intent = uuid::Uuid::now_v7();
    let plan = noted(json!({"save": {"id": intent, "inserted": {}, "actor": "maker"}}));
    let who: Vec<_> = plan
        .transitions
        .iter()
        .map(|t| (t.operation, t.actor.as_deref()))
        .collect();
    assert_eq!(
        who,
        [
            (Operation::Insert, Some("maker")),
            (Operation::Delete, Some("deleter"))
        ]
    );
    let left = &plan.transitions[..1];
    let plan = noted(json!({"save": {"id": intent, "events": [], "transitions": left}}));
    assert_eq!(&plan.transitions[..1], left);
    assert_eq!(plan.transitions.len(), 2);
    let plan = noted(json!({"claim": {"id": intent, "events": [], "transitions": left}}));
    assert_eq!(
        plan.transitions.len(),
        1,
        "its own, and none of the claim's"
    );
    assert_eq!(plan.transitions[0].actor.as_deref(), Some("deleter"));
    assert_eq!(plan.claims[0].transitions, []);
}

#[test]
fn a_field_that_has_no_history_is_found_by_the_check() {
    let check =
        |field: &str| check_code_rules(&model().with_history(History::of_rules_and([field])));
    assert_eq!(check("status"), Ok(()));
    let unknown = check("statsu").unwrap_err();
    assert!(matches!(unknown, FollowError::History { .. }));
    let text = unknown.to_string();
    assert!(
        text.contains("order") && text.contains("`statsu`") && text.contains("`status`"),
        "{text}"
    );
    let text = check("picture").unwrap_err().to_string();
    assert!(text.contains("bytea"), "{text}");
}

#[test]
fn saves_of_one_instant_sort_by_the_ids_of_what_they_tell() {
    let model = model().with_history(History::of_rules_and(["status"]));
    let moment = Moment::current();
    let steps: Vec<_> = (0..32)
        .map(|step| row(&step.to_string(), "1", json!({})))
        .collect();
    let plans = steps.windows(2).map(|step| {
        let rules = [moved("r", "status")];
        let (old, new) = (Some(&step[0]), &step[1]);
        planned(&model, Operation::Update, old, new, &rules, &moment)
    });
    let plans: Vec<_> = plans.collect();
    assert!(plans.is_sorted_by_key(|plan| plan.transitions[0].id));
    assert!(plans.is_sorted_by_key(|plan| plan.events[0].id));
}
