//! The table of rules: what is written to it, and what saves see of it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod rule_table_support;

use std::sync::Arc;

use celerysalt::actor;
use celerysalt::follow::{Plan, looks_at, stands_outside};
use celerysalt::model::Operation;
use celerysalt::rule_table::conformance::Subject;
use celerysalt::rule_table::{
    MemoryRules, RuleStore, RuleTable, RuleTableError, RuleWrite, SharedRuleStore, scope,
};
use celerysalt::rules::{Rule, Rules};
use serde_json::{Value as Json, json};

use rule_table_support::{Moved, model, moved, save, start};

struct Memory(MemoryRules);

impl Subject for Memory {
    async fn fresh() -> Self {
        Self(MemoryRules::new())
    }

    async fn store(&self) -> SharedRuleStore {
        Arc::new(self.0.clone())
    }

    async fn close(self) {}
}

celerysalt::rule_store_conformance!(Memory);

fn table() -> (RuleTable, Arc<MemoryRules>) {
    let store = Arc::new(MemoryRules::new());
    (RuleTable::new(store.clone()), store)
}

/// Writes as a hand would.
async fn by_hand(store: &MemoryRules, model: &str, rule_id: &str, document: Json) {
    let write = RuleWrite {
        model: model.to_owned(),
        rule_id: rule_id.to_owned(),
        document: Some(document),
        expected: None,
        actor: None,
        at: start(),
    };
    store.write(&write).await.unwrap();
}

fn fired(plan: &Plan) -> Vec<&str> {
    let ids = plan.events.iter().map(|e| e.meta.rule_id.as_deref());
    ids.map(|id| id.unwrap()).collect()
}

#[tokio::test]
async fn a_rule_of_the_table_fires_for_every_row_once_it_is_loaded_and_stays() {
    scope(async {
        let (table, _) = table();
        table.put(&model(), moved("b")).await.unwrap();
        table.put(&model(), moved("a").persistent()).await.unwrap();
        assert_eq!(
            fired(&save("new", "paid")),
            Vec::<&str>::new(),
            "not yet loaded"
        );
        assert!(!stands_outside(&model()));

        assert_eq!(table.load().await.unwrap(), 2);
        for _ in 0..2 {
            let plan = save("new", "paid");
            assert_eq!(fired(&plan), ["a", "b"], "in the order of their ids");
            assert_eq!(plan.rules, None);
        }
        assert_eq!(fired(&save("new", "new")), Vec::<&str>::new());
        assert!(stands_outside(&model()));
        assert!(looks_at(&model(), &Rules::new(), Operation::Update));
        assert!(!looks_at(&model(), &Rules::new(), Operation::Delete));

        table.remove("order", "a").await.unwrap().unwrap();
        assert_eq!(fired(&save("new", "paid")), ["a", "b"], "not yet loaded");
        table.load().await.unwrap();
        assert_eq!(fired(&save("new", "paid")), ["b"]);
    })
    .await;
    assert!(!stands_outside(&model()), "the scope is over");
}

#[tokio::test]
async fn scopes_side_by_side_see_their_own_tables() {
    let one = scope(async {
        let (table, _) = table();
        table.put(&model(), moved("one")).await.unwrap();
        table.load().await.unwrap();
        tokio::task::yield_now().await;
        fired(&save("new", "paid")).join(" ")
    });
    let other = scope(async {
        tokio::task::yield_now().await;
        fired(&save("new", "paid")).join(" ")
    });
    let seen = futures::join!(one, other);
    assert_eq!(seen, ("one".to_owned(), String::new()));
}

#[tokio::test]
async fn a_wrong_rule_is_refused_and_nothing_is_written() {
    let (table, store) = table();
    let wrong = Rule::when("statsu").eql("paid");
    let wrong = wrong.emit::<Moved>(json!({"to": "x"})).id("mine");
    let refused = table.put(&model(), wrong).await.unwrap_err();
    assert!(matches!(refused, RuleTableError::Refused(_)));
    let text = refused.to_string();
    assert!(
        text.contains("order") && text.contains("mine") && text.contains("statsu"),
        "{text}"
    );
    let unknown = Rule::when("status")
        .changed()
        .emit_topic("no.such", json!({}));
    table.put(&model(), unknown).await.unwrap_err();
    assert_eq!(store.revision().await.unwrap(), 0);
}

#[tokio::test]
async fn nobody_overwrites_what_another_wrote_meanwhile() {
    let (table, _) = table();
    let mine = table.put_over(&model(), moved("a"), 0).await.unwrap();
    let theirs = table.put(&model(), moved("a").persistent()).await.unwrap();
    let refused = table
        .put_over(&model(), moved("a"), mine.version)
        .await
        .unwrap_err();
    let RuleTableError::Conflict(conflict) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!((conflict.expected, conflict.found), (1, theirs.version));
    assert!(
        refused.to_string().contains("at version 2, not 1"),
        "{refused}"
    );
    let refused = table.remove_over("order", "a", 1).await.unwrap_err();
    assert!(matches!(refused, RuleTableError::Conflict(_)));
    assert!(table.remove_over("order", "a", 2).await.unwrap().is_some());
    assert!(table.get("order", "a").await.unwrap().is_none());
    assert!(table.remove("order", "a").await.unwrap().is_none());
}

#[tokio::test]
async fn earlier_versions_tell_who_and_come_back() {
    let (table, _) = table();
    let first = moved("a");
    actor::scope("ada", table.put(&model(), first.clone()))
        .await
        .unwrap();
    let second = Rule {
        description: Some("second".to_owned()),
        ..moved("a")
    };
    actor::scope("bob", table.put(&model(), second))
        .await
        .unwrap();
    actor::scope("eve", table.remove("order", "a"))
        .await
        .unwrap();
    let versions = table.versions("order", "a").await.unwrap();
    let who: Vec<_> = versions
        .iter()
        .map(|v| (v.version, v.actor.as_deref(), v.document.is_some()))
        .collect();
    assert_eq!(
        who,
        [
            (1, Some("ada"), true),
            (2, Some("bob"), true),
            (3, Some("eve"), false)
        ]
    );

    let restored = table.restore(&model(), "a", 1).await.unwrap().unwrap();
    assert_eq!(restored.version, 4);
    assert_eq!(restored.rule().unwrap(), Some(first.clone()));
    let now = table.get("order", "a").await.unwrap().unwrap();
    assert_eq!((now.clone(), now.rule().unwrap()), (restored, Some(first)));
    assert_eq!(table.list("order").await.unwrap(), [now]);

    let missing = table.restore(&model(), "a", 9).await.unwrap_err();
    assert!(matches!(
        missing,
        RuleTableError::NoSuchVersion { version: 9, .. }
    ));
    assert!(
        table.restore(&model(), "a", 3).await.unwrap().is_some(),
        "a removal"
    );
    assert!(table.get("order", "a").await.unwrap().is_none());
}

#[tokio::test]
async fn what_no_longer_fits_the_model_is_not_restored() {
    let (table, store) = table();
    by_hand(
        &store,
        "order",
        "a",
        json!({"field_name": "gone", "operator": "changed"}),
    )
    .await;
    table.put(&model(), moved("a")).await.unwrap();
    let refused = table.restore(&model(), "a", 1).await.unwrap_err();
    assert!(matches!(refused, RuleTableError::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn a_rule_that_was_broken_by_hand_stops_nobody() {
    scope(async {
        let (table, store) = table();
        let unknown =
            json!({"field_name": "gone", "operator": "changed", "event_class": "rule_table.moved"});
        by_hand(&store, "order", "a", unknown).await;
        by_hand(&store, "order", "b", json!("no rule")).await;
        by_hand(&store, "order", "c", json!({"celerysalt": {"save": {}}})).await;
        let sound = Rule {
            id: "another".to_owned(),
            ..moved("d")
        };
        by_hand(&store, "order", "d", sound.to_value()).await;
        by_hand(&store, "unknown", "e", json!({})).await;
        table.load().await.unwrap();
        let plan = save("new", "paid");
        assert_eq!(fired(&plan), ["d"], "by the id that the table knows it by");
        assert_eq!(plan.events[0].payload, json!({"to": "paid"}));
        assert_eq!(table.list("unknown").await.unwrap().len(), 1);
    })
    .await;
}
