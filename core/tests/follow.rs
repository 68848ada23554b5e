//! What every adapter's save does beside writing the row: merge, check, evaluate, take spent rules out.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::event;
use celerysalt::event::{Envelope, Meta};
use celerysalt::follow::note::{self, Claim, Note};
use celerysalt::follow::{FollowError, Moment, Plan, Save, check_code_rules, plan, settle};
use celerysalt::model::{FieldDef, ModelDef, Operation, Row};
use celerysalt::rules::{Rule, Rules};
use celerysalt::value::{FieldType, Value};
use serde_json::json;

/// The order moved.
#[event("follow.moved")]
pub struct Moved {
    /// Where to.
    pub to: String,
}

fn model() -> ModelDef {
    let status = FieldDef {
        name: "status".into(),
        ty: FieldType::Text,
        nullable: false,
    };
    ModelDef::new("order", vec![status])
}

fn row(status: &str) -> Row {
    Row::new(vec![Value::Text(status.into())])
}

fn rule(id: &str, operation: Operation) -> Rule {
    let draft = Rule::when("status").not_null().on([operation]);
    draft.emit::<Moved>(json!({"to": "{{ status }}"})).id(id)
}

fn stored(rules: &[Rule]) -> Rules {
    Rules::loaded(&Rules::from(rules.to_vec()).to_json())
}

fn update(stored: &Rules, callers: Option<&Rules>, to: &str) -> Result<Plan, FollowError> {
    save(Operation::Update, stored, callers, to, &Moment::current())
}

fn save(
    operation: Operation,
    stored: &Rules,
    callers: Option<&Rules>,
    to: &str,
    moment: &Moment,
) -> Result<Plan, FollowError> {
    let (model, old, new) = (model(), row("new"), row(to));
    let save = Save {
        model: &model,
        operation,
        old: (operation != Operation::Insert).then_some(&old),
        new: &new,
        aggregate: "order:1",
        stored,
        callers,
    };
    plan(&save, moment)
}

fn ids(rules: &Rules) -> Vec<&str> {
    rules.iter().map(|rule| rule.id.as_str()).collect()
}

#[test]
fn a_once_rule_fires_and_is_taken_out_a_persistent_one_stays() {
    let stored = stored(&[
        rule("once", Operation::Update),
        rule("ever", Operation::Update).persistent(),
    ]);
    let plan = update(&stored, None, "paid").unwrap();
    assert_eq!(plan.events.len(), 2);
    assert_eq!(plan.events[0].payload, json!({"to": "paid"}));
    assert_eq!(plan.events[0].meta.aggregate.as_deref(), Some("order:1"));
    assert_eq!(ids(&plan.rules.unwrap()), ["ever"]);
}

#[test]
fn nothing_changed_plans_nothing() {
    let stored = stored(&[rule("once", Operation::Update)]);
    assert_eq!(update(&stored, None, "new").unwrap(), Plan::default());
    assert_eq!(
        update(&stored, Some(&stored), "new").unwrap(),
        Plan::default()
    );
    assert_eq!(
        update(&Rules::new(), None, "paid").unwrap(),
        Plan::default()
    );
}

#[test]
fn the_callers_changes_are_merged_and_what_they_add_fires_at_once() {
    let mut callers = stored(&[rule("fired meanwhile", Operation::Delete)]);
    callers.push(rule("added", Operation::Update));
    let stored = stored(&[rule("attached meanwhile", Operation::Delete)]);
    let plan = update(&stored, Some(&callers), "paid").unwrap();
    assert_eq!(plan.events.len(), 1);
    assert_eq!(
        plan.rules, None,
        "added and spent: nothing is left to write but what stands there"
    );
    let plan = update(&stored, Some(&callers), "new").unwrap();
    assert_eq!(ids(&plan.rules.unwrap()), ["attached meanwhile", "added"]);
}

#[test]
fn wrong_rules_are_refused_with_model_and_rule() {
    let mut callers = Rules::loaded("[]");
    callers.push(
        Rule::when("statsu")
            .eql("paid")
            .emit::<Moved>(json!({"to": "x"}))
            .id("mine"),
    );
    let refused = update(&Rules::new(), Some(&callers), "paid").unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("order") && text.contains("mine") && text.contains("statsu"),
        "{text}"
    );
    let refused = save(
        Operation::Insert,
        &Rules::new(),
        Some(&callers),
        "new",
        &Moment::current(),
    );
    assert!(matches!(refused, Err(FollowError::Attach { .. })));
}

#[test]
fn what_stood_broken_before_is_not_the_callers() {
    let broken = Rules::loaded(r#"[{"what": "is this"}]"#);
    let mut callers = broken.clone();
    callers.push(rule("mine", Operation::Delete));
    let plan = update(&broken, Some(&callers), "new").unwrap();
    assert_eq!(plan.rules.unwrap().broken().count(), 1);
    assert!(
        update(
            &Rules::new(),
            Some(&Rules::from_json(r#"[{"what": "is this"}]"#)),
            "new"
        )
        .is_err()
    );
}

#[test]
fn a_new_row_has_the_rules_as_given_also_those_of_a_loaded_row() {
    let copied = stored(&[
        rule("once", Operation::Insert),
        rule("later", Operation::Update),
    ]);
    let plan = save(
        Operation::Insert,
        &Rules::new(),
        Some(&copied),
        "new",
        &Moment::current(),
    )
    .unwrap();
    assert_eq!(plan.events.len(), 1);
    assert_eq!(ids(&plan.rules.unwrap()), ["later"]);
}

#[test]
fn a_chain_that_is_too_deep_stops_the_save_only_where_a_rule_fires() {
    let chain = Chain {
        depth: MAX_DEPTH + 1,
        ..Chain::default()
    };
    let deep = Moment {
        chain,
        ..Moment::current()
    };
    let stored = stored(&[rule("once", Operation::Update)]);
    let stopped = save(Operation::Update, &stored, None, "paid", &deep).unwrap_err();
    assert!(matches!(stopped, FollowError::Evaluate { .. }), "{stopped}");
    assert_eq!(
        save(Operation::Update, &stored, None, "new", &deep).unwrap(),
        Plan::default()
    );
}

#[test]
fn what_another_adapter_left_in_a_note_comes_first() {
    let left = envelope();
    let intent = uuid::Uuid::now_v7();
    let note = json!({"save": {"id": intent, "events": [left]}});
    let mut noted = stored(&[
        rule("once", Operation::Update),
        rule("gone", Operation::Delete),
    ]);
    noted.set_note(Some(note));
    let callers = stored(&[rule("once", Operation::Update)]);
    let plan = update(&noted, Some(&callers), "paid").unwrap();
    assert_eq!(plan.events[0].id, left.id);
    assert_eq!(
        (rule_ids(&plan), &plan.intents),
        (vec!["once"], &vec![intent])
    );
    assert_eq!(plan.rules.unwrap().note(), None);
    let plan = update(&noted, None, "new").unwrap();
    assert_eq!(plan.events, std::slice::from_ref(&left));
    assert_eq!(plan.rules.unwrap().note(), None);
    let plan = delete(&noted);
    assert_eq!(plan.events[0].id, left.id);
    assert_eq!(
        (rule_ids(&plan), &plan.intents),
        (vec!["gone"], &vec![intent])
    );
    // A copied row is not the row that the note is about.
    let copy = save(
        Operation::Insert,
        &Rules::new(),
        Some(&noted),
        "new",
        &Moment::current(),
    );
    assert_eq!(copy.unwrap().rules.unwrap().note(), None);

    noted.push(rule("made", Operation::Insert));
    noted.set_note(Some(json!({"save": {"id": intent, "inserted": {}}})));
    let noted = Rules::loaded(&noted.to_json());
    // The caller's own on-insert rule has nothing to do with the insert of then.
    let mut callers = noted.clone();
    callers.push(rule("late", Operation::Insert));
    let plan = update(&noted, Some(&callers), "paid").unwrap();
    assert_eq!(
        (rule_ids(&plan), &plan.intents),
        (vec!["made", "once"], &vec![intent])
    );
    assert_eq!(ids(&plan.rules.unwrap()), ["gone", "late"]);
    let plan = delete(&noted);
    assert_eq!(
        (rule_ids(&plan), &plan.intents),
        (vec!["made", "gone"], &vec![intent])
    );
}

#[test]
fn a_delete_tells_the_row_as_it_is_and_leaves_another_who_claimed_it_nothing_to_tell() {
    let mut claimed = stored(&[rule("gone", Operation::Delete)]);
    let claimed_by = |id: uuid::Uuid| Some(json!({"claim": claim(id, vec![envelope()])}));
    let fresh = uuid::Uuid::now_v7();
    claimed.set_note(claimed_by(fresh));
    let plan = delete(&claimed);
    assert_eq!((rule_ids(&plan), plan.intents.len()), (vec!["gone"], 0));
    let [told] = plan.claims.as_slice() else {
        panic!("{:?}", plan.claims);
    };
    assert_eq!((told.id, told.events.len()), (fresh, 0));
    assert!(told.at > Note::of(&claimed).unwrap().claim.unwrap().at);
    let old = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        1_700_000_000,
        0,
    ));
    claimed.set_note(claimed_by(old));
    let plan = delete(&claimed);
    assert_eq!((rule_ids(&plan), &plan.intents), (vec!["gone"], &vec![old]));
    assert_eq!(plan.claims, []);
}

#[test]
fn an_update_of_a_row_that_another_is_deleting_lets_the_delete_tell_what_it_made_of_it() {
    let mut claimed = stored(&[rule("gone", Operation::Delete)]);
    let chain = Chain {
        correlation_id: Some("the deleter's".into()),
        ..Default::default()
    };
    let claim = Claim {
        chain,
        actor: Some("ada".into()),
        ..claim(uuid::Uuid::now_v7(), vec![])
    };
    claimed.set_note(Some(json!({"claim": claim})));
    let plan = update(&claimed, None, "paid").unwrap();
    let [again] = plan.claims.as_slice() else {
        panic!("{:?}", plan.claims);
    };
    assert_eq!((again.id, &again.actor), (claim.id, &claim.actor));
    assert!(again.at > claim.at && plan.events.is_empty());
    let event = &again.events[0];
    assert_eq!(event.payload, json!({"to": "paid"}));
    assert_eq!(event.meta.chain.correlation_id, claim.chain.correlation_id);
    let left = plan.rules.unwrap();
    assert_eq!(Note::of(&left).unwrap().claim.as_ref(), Some(again));

    // With a rule less there is less to tell.
    let mut callers = Rules::loaded(&claimed.to_json());
    callers.remove("gone");
    let plan = update(&claimed, Some(&callers), "new").unwrap();
    assert_eq!(plan.claims[0].events, []);
    // And a save of the same leaves the claim as it is.
    assert_eq!(update(&claimed, None, "new").unwrap(), Plan::default());
}

#[test]
fn an_insert_that_is_settled_later_is_judged_by_its_own_time() {
    let made = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let mut rule = rule("made", Operation::Insert);
    rule.expires_at = Some(made + chrono::TimeDelta::seconds(30));
    let mut noted = stored(&[rule]);
    let moment = Moment {
        now: made,
        ..Moment::current()
    };
    let save = note::Save::inserted(uuid::Uuid::now_v7(), moment);
    noted.set_note(Some(json!({ "save": save })));
    let plan = update(&noted, None, "paid").unwrap();
    assert_eq!(rule_ids(&plan), ["made"]);
    assert_eq!(plan.events[0].meta.created_at, Some(made));
}

#[test]
fn what_earlier_saves_left_is_settled_on_the_row_as_it_stands() {
    let moment = Moment::current();
    let (model, old, new) = (model(), row("new"), row("paid"));
    let settled = |stored: &Rules| {
        let save = Save {
            model: &model,
            operation: Operation::Update,
            old: Some(&old),
            new: &new,
            aggregate: "order:1",
            stored,
            callers: None,
        };
        settle(&save, &moment).unwrap()
    };
    let level = rule("level", Operation::Update).level();
    let mut noted = stored(&[rule("made", Operation::Insert), level]);
    assert_eq!(settled(&noted), Plan::default());

    let intent = uuid::Uuid::now_v7();
    noted.set_note(Some(json!({"save": {"id": intent, "inserted": {}}})));
    let plan = settled(&noted);
    assert_eq!(plan.events[0].payload, json!({"to": "new"}));
    assert_eq!(
        (rule_ids(&plan), &plan.intents),
        (vec!["made"], &vec![intent])
    );
    let left = plan.rules.unwrap();
    assert_eq!((ids(&left), left.note()), (vec!["level"], None));

    let standing = claim(uuid::Uuid::now_v7(), vec![]);
    let event = envelope();
    let save = json!({"id": intent, "events": [event]});
    noted.set_note(Some(json!({"save": save, "claim": standing})));
    let plan = settled(&noted);
    assert_eq!((plan.events, plan.intents), (vec![event], vec![intent]));
    let left = plan.rules.unwrap();
    assert_eq!(left.note(), Some(&json!({"claim": standing})));
}

/// Another's claim to delete the row.
fn claim(id: uuid::Uuid, events: Vec<Envelope>) -> Claim {
    let plan = Plan {
        events,
        ..Plan::default()
    };
    Claim::of(id, &plan, &Moment::current())
}

fn delete(stored: &Rules) -> Plan {
    save(Operation::Delete, stored, None, "new", &Moment::current()).unwrap()
}

fn rule_ids(plan: &Plan) -> Vec<&str> {
    let ids = plan
        .events
        .iter()
        .map(|event| event.meta.rule_id.as_deref());
    ids.flatten().collect()
}

fn envelope() -> Envelope {
    Envelope {
        id: uuid::Uuid::now_v7(),
        topic: "follow.moved".into(),
        version: None,
        payload: json!({"to": "x"}),
        meta: Meta::default(),
    }
}

#[test]
fn rules_in_code_are_checked_like_others() {
    assert_eq!(check_code_rules(&model()), Ok(()));
    let wrong = Rule::when("status")
        .eql("paid")
        .emit_topic("follow.mvoed", json!({}));
    let model = model().with_rules(Rules::from(vec![wrong]));
    assert!(check_code_rules(&model).is_err());
}
