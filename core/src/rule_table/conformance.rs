//! The conformance kit of the port: what every store of the table of rules must do, as cases to run against it.
//!
//! In a test program of your adapter:
//!
//! ```
//! # use std::sync::Arc;
//! # use celerysalt::rule_table::{MemoryRules, SharedRuleStore, conformance::Subject};
//! struct Mine(MemoryRules);
//!
//! impl Subject for Mine {
//!     async fn fresh() -> Self { Self(MemoryRules::new()) }
//!     async fn store(&self) -> SharedRuleStore { Arc::new(self.0.clone()) }
//!     async fn close(self) {}
//! }
//!
//! celerysalt::rule_store_conformance!(Mine);
//! # fn main() {}
//! ```
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::{Value as Json, json};

use super::snapshot;
use super::{
    RuleStoreError, RuleTable, RuleVersion, RuleWrite, SharedRuleStore, VersionConflict, scope,
};

/// An empty table for one case.
pub trait Subject: Sized {
    /// Makes an empty table.
    fn fresh() -> impl Future<Output = Self>;
    /// A store of it, which shares no connection with the others: as another process would have.
    fn store(&self) -> impl Future<Output = SharedRuleStore>;
    /// Cleans up.
    fn close(self) -> impl Future<Output = ()>;
}

/// Makes a test of every case, for a [`Subject`].
#[macro_export]
macro_rules! rule_store_conformance {
    ($subject:ty) => {
        $crate::rule_store_conformance!($subject:
            counts_versions_and_revisions, keeps_every_version, a_removal_of_nothing_writes_nothing,
            writes_only_over_the_expected_version, one_of_many_writers_wins,
            who_reads_a_revision_reads_all_before_it, lists_what_is_there, documents_come_back_whole,
            names_are_told_apart_byte_for_byte, tells_that_the_revision_is_another,
            a_watcher_sees_what_another_writes,
        );
    };
    ($subject:ty: $($case:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            use $crate::rule_table::conformance::Subject;
            let subject = <$subject>::fresh().await;
            let stores = [subject.store().await, subject.store().await];
            $crate::rule_table::conformance::$case(stores).await;
            subject.close().await;
        }
    )*};
}

/// Two stores of one table.
type Stores = [SharedRuleStore; 2];

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// What a case writes unless it says otherwise.
fn write(rule_id: &str, document: Option<Json>) -> RuleWrite {
    RuleWrite {
        model: "order".to_owned(),
        rule_id: rule_id.to_owned(),
        document,
        expected: None,
        actor: None,
        at: start(),
    }
}

fn put(rule_id: &str) -> RuleWrite {
    write(rule_id, Some(json!({"id": rule_id})))
}

async fn written(store: &SharedRuleStore, write: RuleWrite) -> RuleVersion {
    store.write(&write).await.unwrap().unwrap()
}

async fn listed(store: &SharedRuleStore, model: Option<&str>) -> Vec<(String, String)> {
    let rules = store.list(model).await.unwrap().rules.into_iter();
    let mut names: Vec<_> = rules.map(|rule| (rule.model, rule.rule_id)).collect();
    names.sort();
    names
}

pub async fn counts_versions_and_revisions([store, other]: Stores) {
    assert_eq!(store.revision().await.unwrap(), 0);
    assert_eq!(store.list(None).await.unwrap().revision, 0);
    let first = written(&store, put("a")).await;
    let second = written(&other, put("b")).await;
    let third = written(&store, put("a")).await;
    let numbers = [first, second, third].map(|written| (written.version, written.revision));
    assert_eq!(numbers, [(1, 1), (1, 2), (2, 3)]);
    assert_eq!(other.revision().await.unwrap(), 3);
    assert_eq!(other.list(Some("order")).await.unwrap().revision, 3);
}

pub async fn keeps_every_version([store, other]: Stores) {
    let by = |actor: &str, seconds: i64, document: Option<Json>| RuleWrite {
        actor: Some(actor.to_owned()),
        at: start() + TimeDelta::seconds(seconds),
        ..write("a", document)
    };
    let history = [
        by("ada", 1, Some(json!({"id": "a", "value": 1}))),
        by("bob", 2, Some(json!({"id": "a", "value": 2}))),
        by("eve", 3, None),
        RuleWrite {
            actor: None,
            ..by("", 4, Some(json!({"id": "a", "value": 3})))
        },
    ];
    let mut all = Vec::new();
    for each in history {
        let version = written(&store, each.clone()).await;
        assert_eq!(version.model, "order");
        assert_eq!(version.rule_id, "a");
        assert_eq!(
            (&version.document, &version.actor, version.at),
            (&each.document, &each.actor, each.at)
        );
        all.push(version);
    }
    assert_eq!(other.versions("order", "a").await.unwrap(), all);
    assert_eq!(
        all.iter().map(|v| v.version).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(other.versions("order", "b").await.unwrap(), []);
    assert_eq!(other.versions("invoice", "a").await.unwrap(), []);
}

pub async fn a_removal_of_nothing_writes_nothing([store, _]: Stores) {
    assert_eq!(store.write(&write("a", None)).await.unwrap(), None);
    written(&store, put("a")).await;
    written(&store, write("a", None)).await;
    assert_eq!(store.write(&write("a", None)).await.unwrap(), None);
    assert_eq!(store.revision().await.unwrap(), 2);
    assert_eq!(store.versions("order", "a").await.unwrap().len(), 2);
}

pub async fn writes_only_over_the_expected_version([store, other]: Stores) {
    let over = |expected, document: Option<Json>| RuleWrite {
        expected: Some(expected),
        ..write("a", document)
    };
    let there = Some(json!({"id": "a"}));
    let refused = |expected, found| VersionConflict {
        model: "order".to_owned(),
        rule_id: "a".to_owned(),
        expected,
        found,
    };
    let steps = [
        (1, there.clone(), Err(0)),
        (0, there.clone(), Ok(1)),
        (0, there.clone(), Err(1)),
        (2, None, Err(1)),
        (1, None, Ok(2)),
        (1, there.clone(), Err(2)),
        (2, there, Ok(3)),
    ];
    for (expected, document, outcome) in steps {
        let got = store.write(&over(expected, document)).await;
        match (got, outcome) {
            (Ok(Some(version)), Ok(number)) => assert_eq!(version.version, number),
            (Err(RuleStoreError::Conflict(conflict)), Err(found)) => {
                assert_eq!(conflict, refused(expected, found));
            }
            (got, outcome) => panic!("expected {outcome:?} over {expected}, got {got:?}"),
        }
    }
    assert_eq!(
        other.revision().await.unwrap(),
        3,
        "a conflict writes nothing"
    );
}

pub async fn one_of_many_writers_wins(stores: Stores) {
    let writers = (0..16).map(|number| {
        let store = stores[number % 2].clone();
        tokio::spawn(async move {
            let first = RuleWrite {
                expected: Some(0),
                ..put("a")
            };
            store.write(&first).await
        })
    });
    let mut won = 0;
    for outcome in join_all(writers).await {
        match outcome.unwrap() {
            Ok(version) => {
                won += 1;
                assert_eq!(version.unwrap().version, 1);
            }
            Err(RuleStoreError::Conflict(conflict)) => assert_eq!(conflict.found, 1),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(stores[0].revision().await.unwrap(), 1);
}

/// Each write adds a rule, so there are at least as many rules as the revision that was read before them.
pub async fn who_reads_a_revision_reads_all_before_it(stores: Stores) {
    const WRITERS: usize = 4;
    const EACH: usize = 8;
    let writers = (0..WRITERS).map(|writer| {
        let store = stores[writer % 2].clone();
        tokio::spawn(async move {
            let mut revisions = Vec::new();
            for number in 0..EACH {
                let version = written(&store, put(&format!("{writer}-{number}"))).await;
                revisions.push(version.revision);
            }
            revisions
        })
    });
    let reader = stores[1].clone();
    let reader = tokio::spawn(async move {
        loop {
            let list = reader.list(None).await.unwrap();
            let seen = u64::try_from(list.rules.len()).unwrap();
            assert!(
                seen >= list.revision,
                "{seen} rules at revision {}",
                list.revision
            );
            if list.revision == (WRITERS * EACH) as u64 {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    let mut revisions = Vec::new();
    for writer in join_all(writers).await {
        revisions.extend(writer.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=(WRITERS * EACH) as u64).collect::<Vec<_>>());
    within(reader).await.unwrap();
}

pub async fn lists_what_is_there([store, other]: Stores) {
    let invoice = RuleWrite {
        model: "invoice".to_owned(),
        ..put("a")
    };
    for each in [put("a"), put("b"), put("c"), invoice] {
        written(&store, each).await;
    }
    written(&store, write("b", None)).await;
    let last = written(&store, put("c")).await;
    let name = |model: &str, id: &str| (model.to_owned(), id.to_owned());
    assert_eq!(
        listed(&other, Some("order")).await,
        [name("order", "a"), name("order", "c")]
    );
    assert_eq!(
        listed(&other, None).await,
        [name("invoice", "a"), name("order", "a"), name("order", "c")]
    );
    assert_eq!(listed(&other, Some("nothing")).await, []);
    let rules = other.list(Some("order")).await.unwrap().rules;
    assert!(rules.contains(&last), "the last version: {rules:?}");
}

pub async fn documents_come_back_whole([store, other]: Stores) {
    let documents = [
        json!({"id": "a", "value": "ünïcødé 😀 \" \\ \u{0001} '", "nested": {"list": [1, -2, 0.1, null, true]}}),
        json!({"value": [u64::MAX, i64::MIN, 1e300, "12345678901234567890.123456789012345678901234567890"]}),
        json!({"value": "x".repeat(100_000)}),
    ];
    for (number, document) in documents.into_iter().enumerate() {
        let id = number.to_string();
        written(&store, write(&id, Some(document.clone()))).await;
        let versions = other.versions("order", &id).await.unwrap();
        assert_eq!(versions[0].document, Some(document));
    }
}

pub async fn names_are_told_apart_byte_for_byte([store, other]: Stores) {
    let ids = ["a", "A", "a ", "á", "a\u{301}", "ß", "ss"];
    for id in ids {
        assert_eq!(written(&store, put(id)).await.version, 1, "{id:?}");
    }
    let model = RuleWrite {
        model: "Order".to_owned(),
        ..put("a")
    };
    assert_eq!(written(&store, model).await.version, 1);
    assert_eq!(listed(&other, Some("order")).await.len(), ids.len());
    for id in ids {
        let versions = other.versions("order", id).await.unwrap();
        assert_eq!(versions.len(), 1, "{id:?}");
        assert_eq!(versions[0].rule_id, id);
    }
    let longest = "é".repeat(200);
    written(&store, put(&longest)).await;
    assert_eq!(other.versions("order", &longest).await.unwrap().len(), 1);
}

/// A store that cannot be told is asked often instead.
pub async fn tells_that_the_revision_is_another([store, other]: Stores) {
    let is_asked_often = store.poll_interval() <= Duration::from_millis(500);
    let told = async {
        store.changed(7).await.unwrap();
        let waiting = store.changed(0);
        let write = async { written(&other, put("a")).await };
        let (changed, _) = futures::future::join(waiting, write).await;
        changed.unwrap();
    };
    let told = tokio::time::timeout(Duration::from_secs(10), told).await;
    assert!(
        told.is_ok() || is_asked_often,
        "neither told nor asked often"
    );
}

pub async fn a_watcher_sees_what_another_writes([store, other]: Stores) {
    let table = RuleTable::new(store);
    scope(async {
        let seen = async {
            for revision in 1..=3 {
                written(&other, put(&revision.to_string())).await;
                within(until_loaded(revision)).await;
            }
        };
        table.watch(seen).await;
    })
    .await;
}

async fn until_loaded(revision: u64) {
    while snapshot::current().is_none_or(|snapshot| snapshot.revision < revision) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What comes soon, or the case fails.
async fn within<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, future).await.unwrap()
}
