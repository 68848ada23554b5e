//! Sixteen savers of one row, on every way to save: one transition fires once, and no rule is lost.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;

use celerysalt::clock;
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use chrono::Utc;
use sea_orm::{DatabaseConnection, IntoActiveModel};
use support::models::{deleted, paid};
use support::paths::{only_status, reload, stored_order};
use support::{PATHS, Path, count, order, outbox};
use tokio::task::JoinSet;

const SAVERS: usize = 16;

on_each! {
    async fn one_transition_of_a_once_rule_fires_once(test: &TestDb) {
        for path in PATHS {
            fires_once(&test.db, &[path], paid()).await;
        }
        fires_once(&test.db, &PATHS, paid()).await;
    }

    async fn one_transition_of_a_persistent_rule_fires_once(test: &TestDb) {
        for path in PATHS {
            fires_once(&test.db, &[path], paid().persistent()).await;
        }
        fires_once(&test.db, &PATHS, paid().persistent()).await;
    }

    async fn savers_who_toggle_fire_each_transition_once(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid().persistent()]).await;
            let mut savers = JoinSet::new();
            for n in 0..SAVERS {
                let db = test.db.clone();
                let to = if n % 2 == 0 { "paid" } else { "new" };
                savers.spawn(async move { path.update(&db, only_status(order.id, to)).await.unwrap().status });
            }
            savers.join_all().await;
            let fired = outbox(&test.db).await.len() - before;
            // Between one and one a saver who writes "paid"; never two in a row without a "new" between.
            let last_is_paid = usize::from(reload(&test.db, order.id).await.status == "paid");
            assert!((1..=SAVERS / 2).contains(&fired), "{path:?}: {fired} {last_is_paid}");
        }
    }

    async fn sixteen_attach_a_rule_and_none_is_lost(test: &TestDb) {
        for path in PATHS {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid()]).await;
            let mut savers = JoinSet::new();
            for n in 0..SAVERS {
                let (db, mut mine) = (test.db.clone(), order.clone());
                mine.on_change_rules.push(deleted().id(format!("rule-{n}")));
                savers.spawn(async move { path.update(&db, mine.into_active_model()).await.map(drop) });
            }
            // And one that fires the rule they all know.
            let db = test.db.clone();
            savers.spawn(async move { path.update(&db, only_status(order.id, "paid")).await.map(drop) });
            for saved in savers.join_all().await {
                saved.unwrap();
            }
            let rules = reload(&test.db, order.id).await.on_change_rules;
            for n in 0..SAVERS {
                assert!(rules.get(&format!("rule-{n}")).is_some(), "{path:?}: rule-{n} is lost");
            }
            assert_eq!(rules.len(), SAVERS, "{path:?}: the fired rule is back");
        }
    }

    async fn sixteen_delete_a_row_and_it_fires_once(test: &TestDb) {
        // A claim to delete stands for ten seconds, however long a busy machine takes.
        let frozen = TestClock::at(Utc::now());
        let paths = PATHS.iter().map(|path| vec![*path]).chain([PATHS.to_vec()]);
        for paths in paths {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{paths:?}"), vec![deleted()]).await;
            let mut savers = JoinSet::new();
            for n in 0..SAVERS {
                let (db, path, mine) = (test.db.clone(), paths[n % paths.len()], order.clone());
                let delete = async move { path.delete(&db, mine).await.unwrap() };
                savers.spawn(clock::scope(Arc::new(frozen.clone()), delete));
            }
            let gone: u64 = savers.join_all().await.into_iter().sum();
            assert_eq!(gone, 1, "{paths:?}");
            assert_eq!(outbox(&test.db).await.len() - before, 1, "{paths:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{paths:?}");
        }
    }
}

async fn fires_once(db: &DatabaseConnection, paths: &[Path], rule: Rule) {
    for round in 0..3 {
        let before = outbox(db).await.len();
        let number = format!("{paths:?} {round} {}", rule.persist);
        let order: order::Model = stored_order(db, &number, vec![rule.clone()]).await;
        let mut savers = JoinSet::new();
        for n in 0..SAVERS {
            let (db, path) = (db.clone(), paths[n % paths.len()]);
            savers.spawn(async move {
                path.update(&db, only_status(order.id, "paid"))
                    .await
                    .unwrap_or_else(|error| panic!("{path:?}: {error}"))
            });
        }
        for saved in savers.join_all().await {
            assert_eq!(saved.status, "paid");
        }
        assert_eq!(outbox(db).await.len() - before, 1, "{number}");
        let rules = reload(db, order.id).await.on_change_rules;
        assert_eq!(rules.len(), usize::from(rule.persist), "{number}");
        assert!(rules.note().is_none(), "{number}");
        assert_eq!(count(db, "celerysalt_pending").await, 0, "{number}");
    }
}
