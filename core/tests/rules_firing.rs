//! What comes of a rule that fires: the event, its chain, the verdict; and of one that cannot.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rules_support;

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::model::Operation;
use celerysalt::rules::{EvaluateError, Guard, Operand, Rule, Rules};
use celerysalt::telemetry::TraceContext;
use celerysalt::value::Value;
use rules_support::{Save, dec, model, now, only, paid, status, text};
use serde_json::json;

fn reason(save: &Save<'_>, rule: Rule) -> String {
    save.explain(&only(rule), &[]).remove(0).reason
}

#[test]
fn an_event_carries_topic_version_data_rule_row_and_time() {
    let m = model();
    let data = json!({"order_id": "{{ id }}", "amount": "{{ amount }}"});
    let rules = only(
        Rule::when("status")
            .eql("paid")
            .emit_topic("OrderPaid", data)
            .id("r1"),
    );
    let id = uuid::Uuid::from_u128(9);
    let new = [
        ("status", text("paid")),
        ("id", Value::Uuid(id)),
        ("amount", dec("12345678901234567890.123456789")),
    ];
    let save = Save::update(&m, &[("id", Value::Uuid(id))], &new);
    let evaluation = save.evaluate(&rules);
    let [event] = evaluation.events.as_slice() else {
        panic!("{evaluation:?}")
    };
    assert_eq!(
        (event.topic.as_str(), event.version.as_deref()),
        ("order.paid", Some("v2"))
    );
    assert_eq!(
        event.payload,
        json!({"order_id": id, "amount": "12345678901234567890.123456789"})
    );
    assert_eq!(event.meta.rule_id.as_deref(), Some("r1"));
    assert_eq!(event.meta.aggregate.as_deref(), Some("order:1"));
    assert_eq!(event.meta.created_at, Some(now()));
    assert_eq!(event.id.get_version_num(), 7);
    let (seconds, _) = event.id.get_timestamp().unwrap().to_unix();
    assert_eq!(i64::try_from(seconds).unwrap(), now().timestamp());
    assert_eq!(event.meta.chain.correlation_id, Some(event.id.to_string()));
    assert_eq!(
        (event.meta.chain.depth, event.meta.chain.causation_id),
        (0, None)
    );
}

#[test]
fn ids_of_one_save_ascend() {
    let m = model();
    let rules: Rules = (0..50).map(|i| paid().id(format!("r{i}"))).collect();
    let events = Save::update(&m, &[], &status("paid"))
        .evaluate(&rules)
        .events;
    assert_eq!(events.len(), 50);
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
}

#[test]
fn a_chain_keeps_its_correlation_and_names_its_cause() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    let first = save.evaluate(&only(paid().id("a"))).events.remove(0);
    save.chain = Chain::caused_by(&first);
    let second = save.evaluate(&only(paid().id("b"))).events.remove(0);
    let chain = &second.meta.chain;
    assert_eq!(chain.correlation_id, Some(first.id.to_string()));
    assert_eq!(chain.causation_id, Some(first.id));
    assert_eq!((chain.depth, chain.fired.len()), (1, 2));
}

#[test]
fn a_rule_fires_once_a_row_a_chain() {
    let m = model();
    for (row_rules, table) in [
        (only(paid().id("a").persistent()), Rules::new()),
        (Rules::new(), only(paid())),
    ] {
        let mut save = Save::update(&m, &status("pending"), &status("paid"));
        let first = save
            .try_evaluate(&row_rules, &[&table])
            .unwrap()
            .events
            .remove(0);
        save.chain = Chain::caused_by(&first);
        let again = save.try_evaluate(&row_rules, &[&table]).unwrap();
        assert!(again.events.is_empty() && again.broken.is_empty() && again.spent.is_empty());
        let verdict = save.explain(&row_rules, &[&table]).remove(0);
        assert!(
            !verdict.fired && verdict.reason.contains("already"),
            "{}",
            verdict.reason
        );
        save.aggregate = "order:2";
        assert_eq!(
            save.try_evaluate(&row_rules, &[&table])
                .unwrap()
                .events
                .len(),
            1
        );
    }
}

#[test]
fn a_rule_in_code_is_known_to_a_chain_by_its_content() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    let one_process = only(paid().id("01980c2e-made-at-one-start"));
    let another = only(paid().id("01980c2e-made-at-another"));
    let first = save
        .try_evaluate(&Rules::new(), &[&one_process])
        .unwrap()
        .events
        .remove(0);
    save.chain = Chain::caused_by(&first);
    assert!(
        save.try_evaluate(&Rules::new(), &[&another])
            .unwrap()
            .events
            .is_empty()
    );
}

#[test]
fn a_chain_that_is_too_deep_is_an_error_only_when_something_would_fire() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    save.chain.depth = MAX_DEPTH;
    assert_eq!(save.evaluate(&only(paid())).events.len(), 1);
    save.chain.depth = MAX_DEPTH + 1;
    let error = save
        .try_evaluate(&only(paid().id("deep")), &[])
        .unwrap_err();
    let EvaluateError::ChainTooDeep {
        rule_id,
        topic,
        depth,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (rule_id.as_str(), topic.as_str(), *depth),
        ("deep", "order.noted", MAX_DEPTH + 1)
    );
    assert!(!save.explain(&only(paid()), &[])[0].fired);
    assert!(save.evaluate(&only(paid().was("draft"))).events.is_empty());
}

#[test]
fn a_broken_rule_stops_neither_the_save_nor_its_siblings() {
    let m = model();
    let column = r#"[
        {"id": "no-operator", "field_name": "status", "operator": "equals", "value": 1, "event_class": "order.noted"},
        {"id": "no-field", "field_name": "statu", "operator": "eql", "value": "paid", "event_class": "order.noted"},
        {"id": "no-event", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.gone"},
        {"id": "bad-data", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.paid"},
        {"id": "bad-regex", "field_name": "status", "operator": "matches", "value": "(", "event_class": "order.noted"},
        {"id": "off", "field_name": "statu", "operator": "eql", "value": "x", "event_class": "order.noted", "enabled": false},
        "not even an object",
        {"id": "good", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.noted"},
        {"id": "good", "field_name": "status", "operator": "eql", "value": "paid", "event_class": "order.noted"}
    ]"#;
    let rules = Rules::loaded(column);
    let save = Save::update(&m, &status("pending"), &[("status", text("paid"))]);
    let evaluation = save.evaluate(&rules);
    assert_eq!(evaluation.events.len(), 1);
    assert_eq!(evaluation.spent, ["good"]);
    let mut broken: Vec<_> = evaluation
        .broken
        .iter()
        .map(|b| b.id.as_deref().unwrap_or("?"))
        .collect();
    broken.sort_unstable();
    assert_eq!(
        broken,
        [
            "?",
            "bad-data",
            "bad-regex",
            "good",
            "no-event",
            "no-field",
            "no-operator"
        ]
    );
    let verdicts = save.explain(&rules, &[]);
    assert_eq!(verdicts.len(), 9);
    assert_eq!(verdicts.iter().filter(|v| v.fired).count(), 1);
    assert!(
        verdicts[0].reason.contains("unknown operator"),
        "{}",
        verdicts[0].reason
    );
    assert_eq!(verdicts[6].rule_id, "#6");
}

#[test]
fn a_rule_that_a_model_does_not_allow_emits_nothing() {
    let m = model().allow_events(["OrderPaid"]);
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let evaluation = save.evaluate(&only(paid()));
    assert!(evaluation.events.is_empty());
    assert!(
        evaluation.broken[0]
            .errors
            .to_string()
            .contains("may not emit")
    );
    let allowed = Rule::when("status")
        .eql("paid")
        .emit_topic("order.paid", json!({"order_id": "x"}));
    assert_eq!(save.evaluate(&only(allowed)).events.len(), 1);
}

#[test]
fn errors_of_data_at_save_time_name_the_place_and_hide_the_value() {
    let m = model();
    let data = json!({"order_id": "{{ count }}"});
    let rules = only(
        Rule::when("status")
            .eql("paid")
            .emit_topic("order.paid", data),
    );
    let save = Save::update(
        &m,
        &[],
        &[("status", text("paid")), ("count", Value::Int(424_242))],
    );
    let broken = save.evaluate(&rules).broken;
    let said = broken[0].errors.to_string();
    assert!(
        said.contains("event_data.order_id") && !said.contains("424242"),
        "{said}"
    );
}

#[test]
fn a_save_without_aggregate_is_a_dry_run_that_fires() {
    let m = model();
    let mut save = Save::update(&m, &status("pending"), &status("paid"));
    save.aggregate = "";
    let event = save.evaluate(&only(paid())).events.remove(0);
    assert_eq!(event.meta.aggregate, None);
    assert!(event.meta.chain.fired.is_empty());
}

#[test]
fn verdicts_say_what_was_compared() {
    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    assert_eq!(
        reason(&save, paid()),
        r#"fired: status changed from "pending" to "paid" and is eql "paid""#
    );
    let amounts = Save::update(&m, &[("amount", dec("1.00"))], &[("amount", dec("80.00"))]);
    let over = Rule::when("amount")
        .gt("100.00")
        .emit_topic("order.noted", json!({}));
    assert_eq!(
        reason(&amounts, over),
        "did not fire: amount 80.00 is not gt 100.00"
    );
    assert_eq!(
        reason(&amounts, paid()),
        "did not fire: status did not change"
    );
    assert_eq!(
        reason(&save, paid().was("draft")),
        r#"did not fire: status was "pending", which is not eql "draft""#
    );
    let guard = Guard::all([
        Guard::all([]),
        Guard::field("amount").gt(Operand::field("credit_limit")),
    ]);
    assert_eq!(
        reason(&save, paid().guard(guard)),
        "did not fire: the guard `when.all[1]` does not hold: amount null is not gt credit_limit null"
    );
    assert_eq!(
        reason(&save, paid().on([Operation::Insert, Operation::Delete])),
        "did not fire: it is looked at on insert, delete, not on update"
    );
    let grown = Rule::when("amount")
        .increased_by(100)
        .emit_topic("order.noted", json!({}));
    assert_eq!(
        reason(&amounts, grown),
        "did not fire: amount went from 1.00 to 80.00 and is not increased_by 100"
    );
    let inserted = Save::insert(&m, &status("paid"));
    assert_eq!(
        reason(&inserted, paid().on([Operation::Insert])),
        r#"fired: the row is inserted with status "paid", which is eql "paid""#
    );
    let entered = Save::update(&m, &[("amount", dec("200"))], &[("amount", dec("300"))]);
    let enter = Rule::when("amount")
        .gt(100)
        .enter()
        .emit_topic("order.noted", json!({}));
    assert_eq!(
        reason(&entered, enter),
        "did not fire: amount was gt 100 before, so it entered nothing"
    );
}

#[test]
fn an_event_carries_the_trace_in_which_it_fired() {
    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace = TraceContext::parse(parent, Some("vendor=1")).unwrap();
    let fire = || save.evaluate(&only(paid())).events.remove(0);
    let event = trace.clone().sync_scope(fire);
    assert_eq!(TraceContext::of(&event.meta), Some(trace));
    assert_eq!(fire().meta.traceparent, None, "outside of any trace");
}

#[test]
fn every_broken_rule_is_counted() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

    /// Hears one counter.
    struct Recorder(Arc<AtomicU64>);

    impl metrics::Recorder for Recorder {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            assert_eq!(key.name(), "celerysalt_rules_broken_total");
            Counter::from_arc(Arc::clone(&self.0))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    let m = model();
    let save = Save::update(&m, &status("pending"), &status("paid"));
    let count = Arc::new(AtomicU64::new(0));
    metrics::with_local_recorder(&Recorder(Arc::clone(&count)), || {
        save.evaluate(&Rules::loaded(r#"[5, {"id": "x"}]"#));
        save.evaluate(&only(paid()));
    });
    assert_eq!(count.load(Ordering::Relaxed), 2);
}
