//! Wrong rules are refused when they are attached; rules that stand broken stop nobody.

use celerysalt::rules::{Rule, Rules};
use serde_json::{Value as Json, json};

use crate::bench::Bench;
use crate::case;
use crate::case::{Case, Group};
use crate::databases::Kind;
use crate::fixture::{Failure, Step};
use crate::order::{Change, Order, paid};
use crate::tell::tells;

const CASES: &[Case] = &[
    case!(a_wrong_rule_is_refused_by_an_update_that_writes_nothing),
    case!(a_wrong_rule_is_refused_by_an_insert_that_writes_nothing),
    case!(an_edit_to_a_wrong_rule_is_refused),
    case!(a_broken_rule_is_kept_and_its_siblings_fire),
    case!(a_broken_rule_is_not_the_fault_of_one_who_attaches_another),
    case!(a_rule_that_fits_no_field_any_more_is_kept_and_its_siblings_fire),
    case!(a_column_that_holds_no_rules_stays_as_it_is),
];

/// Attaching.
pub(super) const GROUP: Group = Group {
    name: "attaching",
    cases: CASES,
};

/// Each wrong in its own way, and a word that the refusal has.
fn wrong() -> Vec<(Rule, &'static str)> {
    let told = json!({"label": "x", "told": null});
    let status = |value: &str| Rule::when(Order::STATUS).eql(value);
    vec![
        (
            Rule::when("statsu")
                .eql("paid")
                .emit_topic("order.told", told.clone()),
            "statsu",
        ),
        (
            Rule::when(Order::VIP)
                .gt(true)
                .emit_topic("order.told", told.clone()),
            "gt",
        ),
        (
            Rule::when(Order::AMOUNT)
                .gt("much")
                .emit_topic("order.told", told.clone()),
            "much",
        ),
        (
            Rule::when(Order::DUE)
                .eql("2026-02-30")
                .emit_topic("order.told", told),
            "2026-02-30",
        ),
        (
            status("paid").emit_topic("order.payed", json!({})),
            "order.payed",
        ),
        (
            status("paid").emit_topic("order.secret", json!({"order_id": "{{ id }}"})),
            "order.secret",
        ),
        (
            status("paid").emit_topic("order.paid", json!({"order_id": "{{ id }}"})),
            "amount",
        ),
        (
            status("paid").emit_topic("order.told", json!({"label": "{{ nme }}", "told": null})),
            "nme",
        ),
    ]
}

fn assert_refused(outcome: Result<(), Failure>, rule: &Rule, word: &str) {
    match outcome {
        Err(Failure::Refused(text)) => {
            assert!(text.contains(&rule.id), "{text} does not name the rule");
            assert!(text.contains(word), "{text} does not say {word}");
        }
        other => panic!("{word} was not refused but {other:?}"),
    }
}

async fn a_wrong_rule_is_refused_by_an_update_that_writes_nothing(bench: Bench) {
    let order = bench.stored([paid().id("right")]).await;
    let before = (bench.reload(&order).await, bench.rules_text(&order).await);
    for (rule, word) in wrong() {
        let mut mine = order.clone();
        mine.on_change_rules.push(rule.clone());
        let change = Change::of()
            .status("paid")
            .on_change_rules(mine.on_change_rules.clone());
        assert_refused(bench.try_update(&mine, change).await, &rule, word);
        let now = (bench.reload(&order).await, bench.rules_text(&order).await);
        assert_eq!(now, before, "{word}");
    }
    assert_eq!(bench.topics(&order).await, [""; 0]);
}

async fn a_wrong_rule_is_refused_by_an_insert_that_writes_nothing(bench: Bench) {
    for (rule, word) in wrong() {
        let order = Order::pending([rule.clone()]);
        let refused = bench.fixture.save(Step::Insert(order.clone())).await;
        assert_refused(refused, &rule, word);
        assert_eq!(bench.fixture.load(order.id).await, None, "{word}");
    }
}

async fn an_edit_to_a_wrong_rule_is_refused(bench: Bench) {
    let mut order = bench.stored([paid().id("edited")]).await;
    let rule = order.on_change_rules.get_mut("edited").unwrap();
    rule.field_name = "statsu".into();
    let rule = rule.clone();
    let change = Change::of().on_change_rules(order.on_change_rules.clone());
    assert_refused(bench.try_update(&order, change).await, &rule, "statsu");
    let now = bench.reload(&order).await;
    assert_eq!(
        now.on_change_rules.get("edited").unwrap().field_name,
        "status"
    );
}

/// An order whose rules column somebody edits by hand.
async fn edited(bench: &Bench, rules: &str) -> Order {
    let order = bench.stored([]).await;
    bench.write_rules(&order, rules).await;
    bench.reload(&order).await
}

async fn a_broken_rule_is_kept_and_its_siblings_fire(bench: Bench) {
    let good = paid().to_value();
    let broken = json!([{"operator": "frobs"}, good, 17, {"id": "x", "surprise": true}]);
    let order = edited(&bench, &broken.to_string()).await;
    let now = bench.update(&order, Change::of().status("paid")).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    let rules = &now.on_change_rules;
    assert_eq!((rules.iter().count(), rules.broken().count()), (0, 3));
    let text: Json = serde_json::from_str(&bench.rules_text(&order).await).unwrap();
    assert_eq!(
        text,
        json!([{"operator": "frobs"}, 17, {"id": "x", "surprise": true}])
    );
}

async fn a_broken_rule_is_not_the_fault_of_one_who_attaches_another(bench: Bench) {
    let mut order = edited(&bench, r#"[{"operator": "frobs"}]"#).await;
    order.on_change_rules.push(paid());
    let change = Change::of()
        .status("paid")
        .on_change_rules(order.on_change_rules.clone());
    let now = bench.update(&order, change).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert_eq!(now.on_change_rules.broken().count(), 1);
}

async fn a_rule_that_fits_no_field_any_more_is_kept_and_its_siblings_fire(bench: Bench) {
    let mut lost = tells(
        "lost",
        json!({"field_name": "status", "operator": "changed"}),
    );
    lost.field_name = "dropped_column".into();
    let rules: Rules = [lost, paid()].into_iter().collect();
    let order = edited(&bench, &rules.to_json()).await;
    let now = bench.update(&order, Change::of().status("paid")).await;
    assert_eq!(bench.topics(&order).await, ["order.paid"]);
    assert!(now.on_change_rules.get("lost").is_some());
}

async fn a_column_that_holds_no_rules_stays_as_it_is(bench: Bench) {
    let mut texts = vec![r#"{"not": "a list"}"#, "17"];
    if bench.kind == Kind::Sqlite {
        // The others have JSON columns, which hold JSON.
        texts.push(r#"[{"half": "#);
    }
    for text in texts {
        let order = edited(&bench, text).await;
        assert_eq!(order.on_change_rules.broken().count(), 1);
        let now = bench.update(&order, Change::of().vip(true)).await;
        assert!(now.vip);
        // Some note in the column meanwhile what is kept in the history.
        let now = bench.update(&now, Change::of().status("paid")).await;
        let stored = bench.rules_text(&order).await;
        assert_eq!(as_read(&stored), as_read(text));
        assert_eq!(now.on_change_rules.broken().count(), 1);
    }
}

/// Spaces do not count, where it is JSON.
fn as_read(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}
