//! Saves without a transaction beside which something else happens, at every one of their statements.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use celerysalt::clock;
use celerysalt::testing::TestClock;
use celerysalt_sea_orm::recover;
use chrono::Utc;
use futures::FutureExt;
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, ModelTrait};
use serde_json::json;
use support::failing::Failing;
use support::interleaved::Interleaved;
use support::models::{created, deleted, deleted_as, paid};
use support::paths::{new_order, only_status, reload, stored_order, with_status};
use support::{PATHS, Path, TestDb, count, order, outbox, stored_rules};

/// More statements than any save sends.
const STEPS: usize = 20;

on_each! {
    async fn recovery_beside_a_saver_that_sleeps_for_minutes(test: &TestDb) {
        let clock = TestClock::at(Utc::now());
        clock::scope(Arc::new(clock.clone()), recovery_beside_a_sleeper(test, &clock)).await;
    }

    async fn a_saver_that_sleeps_for_minutes_and_then_dies_loses_nothing(test: &TestDb) {
        let clock = TestClock::at(Utc::now());
        clock::scope(Arc::new(clock.clone()), a_sleeper_that_dies(test, &clock)).await;
    }

    async fn another_saver_at_every_statement_of_an_update(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let before = outbox(&test.db).await.len();
                let number = format!("{path:?} {at}");
                let order = stored_order(&test.db, &number, vec![paid().persistent(), deleted()]).await;
                let other = || async { drop(path.update(&test.db, only_status(order.id, "paid")).await.unwrap()) }.boxed();
                let db = Interleaved::new(&test.db, at, other);
                with_status(&order, "paid").update(&db).await.unwrap();
                assert_eq!(outbox(&test.db).await.len() - before, 1, "{number}");
                let rules = reload(&test.db, order.id).await.on_change_rules;
                assert_eq!((rules.len(), rules.note()), (2, None), "{number}");
                assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
            }
        }
    }

    async fn a_save_of_the_same_value_fires_when_it_became_another_meanwhile(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let before = outbox(&test.db).await.len();
                let number = format!("{path:?} {at}");
                let mut new = new_order(&number, vec![paid().persistent()]);
                new.status = sea_orm::ActiveValue::Set("paid".to_owned());
                let id = order::Entity::insert(new).exec(&test.db).await.unwrap().last_insert_id;
                let other = || async { drop(path.update(&test.db, only_status(id, "new")).await.unwrap()) }.boxed();
                let db = Interleaved::new(&test.db, at, other);
                only_status(id, "paid").update(&db).await.unwrap();
                let is_paid = reload(&test.db, id).await.status == "paid";
                let expected = usize::from(db.happened() && is_paid);
                assert_eq!(outbox(&test.db).await.len() - before, expected, "{number}");
            }
        }
    }

    async fn a_rule_attached_at_every_statement_of_an_update(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let number = format!("{path:?} {at}");
                let order = stored_order(&test.db, &number, vec![paid()]).await;
                let attach = || async {
                    let mut now = reload(&test.db, order.id).await;
                    now.on_change_rules.push(deleted().id("attached"));
                    drop(path.update(&test.db, sea_orm::IntoActiveModel::into_active_model(now)).await.unwrap());
                }.boxed();
                let db = Interleaved::new(&test.db, at, attach);
                with_status(&order, "paid").update(&db).await.unwrap();
                if db.happened() {
                    let rules = reload(&test.db, order.id).await.on_change_rules;
                    let ids: Vec<_> = rules.iter().map(|rule| rule.id.clone()).collect();
                    assert_eq!(ids, ["attached"], "{number}");
                }
            }
        }
    }

    async fn a_rule_attached_to_a_row_without_rules_at_every_statement_of_an_update(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let before = outbox(&test.db).await.len();
                let number = format!("{path:?} {at}");
                let order = stored_order(&test.db, &number, vec![]).await;
                let attached = AtomicUsize::new(0);
                let attach = async || {
                    let mut now = reload(&test.db, order.id).await;
                    now.on_change_rules.push(paid());
                    let now = path.update(&test.db, sea_orm::IntoActiveModel::into_active_model(now)).await.unwrap();
                    attached.store(usize::from(now.status == "new"), Ordering::SeqCst);
                };
                let db = Interleaved::new(&test.db, at, || attach().boxed());
                with_status(&order, "paid").update(&db).await.unwrap();
                // SeaORM's statement there looks at nothing but the key (docs/saves.md).
                let gap = support::is_postgres(&test.db) && at == 2;
                let expected = if gap { 0 } else { attached.load(Ordering::SeqCst) };
                assert_eq!(outbox(&test.db).await.len() - before, expected, "{number}");
                let rules = reload(&test.db, order.id).await.on_change_rules;
                assert_eq!(rules.len(), usize::from(db.happened()) - expected, "{number}");
            }
        }
    }

    async fn another_deleter_at_every_statement_of_a_delete(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let before = outbox(&test.db).await.len();
                let number = format!("{path:?} {at}");
                let order = stored_order(&test.db, &number, vec![deleted()]).await;
                let mine = order.clone();
                let other = || async { assert!(path.delete(&test.db, mine.clone()).await.unwrap() <= 1) }.boxed();
                let db = Interleaved::new(&test.db, at, other);
                order.delete(&db).await.unwrap();
                assert_eq!(outbox(&test.db).await.len() - before, 1, "{number}");
                assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
            }
        }
    }

    async fn another_saver_at_every_statement_of_an_insert(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let before = outbox(&test.db).await.len();
                let number = format!("{path:?} {at}");
                let other = || async {
                    if let Some(row) = find(&test.db, &number).await {
                        drop(path.update(&test.db, with_status(&row, "paid")).await.unwrap());
                    }
                }.boxed();
                let db = Interleaved::new(&test.db, at, other);
                let order = new_order(&number, vec![created(), paid()]).insert(&db).await.unwrap();
                path.update(&test.db, only_status(order.id, "paid")).await.unwrap();
                let fired: Vec<_> = outbox(&test.db).await.split_off(before).into_iter().map(|event| event.topic).collect();
                assert_eq!(fired, ["order.created", "order.paid"], "{number}");
                let rules = stored_rules(&test.db, order.id).await;
                assert_eq!(rules, "[]", "{number}");
                assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
            }
        }
    }

    async fn a_row_made_anew_at_every_statement_of_an_update(test: &TestDb) {
        for path in PATHS {
            for at in 1..STEPS {
                let before = outbox(&test.db).await.len();
                let number = format!("{path:?} {at}");
                let gone = stored_order(&test.db, &number, vec![paid()]).await;
                order::Entity::delete_by_id(gone.id).exec(&test.db).await.unwrap();
                let anew = || async {
                    let mut anew = new_order(&number, vec![paid()]);
                    anew.id = sea_orm::ActiveValue::Set(gone.id);
                    path.insert(&test.db, anew).await.unwrap();
                }.boxed();
                let db = Interleaved::new(&test.db, at, anew);
                let updated = only_status(gone.id, "paid").update(&db).await;
                let is_paid = find(&test.db, &number).await.is_some_and(|row| row.status == "paid");
                assert_eq!(updated.is_ok(), is_paid, "{number}: {updated:?}");
                assert_eq!(outbox(&test.db).await.len() - before, usize::from(is_paid), "{number}");
            }
        }
    }

    async fn an_update_at_every_statement_of_a_delete(test: &TestDb) {
        for only in [None, Some("paid"), Some("new")] {
            for path in PATHS {
                for at in 1..STEPS {
                    update_beside_a_delete(test, only, path, at).await;
                }
            }
        }
    }
}

/// The delete tells what the row was in the end, if a rule asks for that.
async fn update_beside_a_delete(test: &TestDb, only: Option<&str>, path: Path, at: usize) {
    let before = outbox(&test.db).await.len();
    let number = format!("{only:?} {path:?} {at}");
    let rules = vec![only.map_or_else(deleted, deleted_as), paid()];
    let order = stored_order(&test.db, &number, rules).await;
    let update = async || {
        // A row that is gone already is SeaORM's error.
        let _ = path.update(&test.db, only_status(order.id, "paid")).await;
    };
    let db = Interleaved::new(&test.db, at, || update().boxed());
    assert_eq!(order.clone().delete(&db).await.unwrap().rows_affected, 1);
    let fired = outbox(&test.db).await.split_off(before);
    let fired: Vec<_> = fired
        .iter()
        .map(|event| (event.topic.as_str(), &event.payload["status"]))
        .collect();
    let is_paid = fired.iter().any(|(topic, _)| *topic == "order.paid");
    let last = if is_paid { "paid" } else { "new" };
    let (paid, gone) = (json!(null), json!(last));
    let mut expected = vec![("order.paid", &paid); usize::from(is_paid)];
    expected.extend(
        only.is_none_or(|only| only == last)
            .then_some(("order.deleted", &gone)),
    );
    assert_eq!(fired, expected, "{number}");
    assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
}

async fn recovery_beside_a_sleeper(test: &TestDb, clock: &TestClock) {
    let recovered = || recover_later(&test.db, clock).boxed();
    let mut happened = 0;
    for at in 1..STEPS {
        let before = outbox(&test.db).await.len();
        let db = Interleaved::new(&test.db, at, recovered);
        let order = new_order(&format!("{at}"), vec![created(), paid(), deleted()])
            .insert(&db)
            .await
            .unwrap();
        happened += usize::from(db.happened());
        let db = Interleaved::new(&test.db, at, recovered);
        let saved = with_status(&order, "paid").update(&db).await.unwrap();
        happened += usize::from(db.happened());
        let rules = stored_rules(&test.db, order.id).await;
        assert!(!rules.contains("celerysalt"), "{at}: {rules}");
        let db = Interleaved::new(&test.db, at, recovered);
        assert_eq!(saved.delete(&db).await.unwrap().rows_affected, 1);
        happened += usize::from(db.happened());
        recover_later(&test.db, clock).await;
        let fired: Vec<_> = outbox(&test.db)
            .await
            .split_off(before)
            .into_iter()
            .map(|event| event.topic)
            .collect();
        assert_eq!(
            fired,
            ["order.created", "order.paid", "order.deleted"],
            "{at}"
        );
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{at}");
    }
    assert!(happened > 20, "{happened}");
}

async fn a_sleeper_that_dies(test: &TestDb, clock: &TestClock) {
    for at in 1..9 {
        for dies in at..9 {
            let before = outbox(&test.db).await.len();
            let number = format!("{at} {dies}");
            let order = stored_order(&test.db, &number, vec![paid(), deleted()]).await;
            let dying = Failing::new(&test.db, dies, true);
            let db = Interleaved::new(&dying, at, || recover_later(&test.db, clock).boxed());
            let _ = with_status(&order, "paid").update(&db).await;
            recover_later(&test.db, clock).await;
            let now = reload(&test.db, order.id).await;
            let fired = outbox(&test.db).await.len() - before;
            assert_eq!(fired, usize::from(now.status == "paid"), "{number}");
            assert_eq!(now.on_change_rules.note(), None, "{number}");

            let dying = Failing::new(&test.db, dies, true);
            let db = Interleaved::new(&dying, at, || recover_later(&test.db, clock).boxed());
            let _ = now.delete(&db).await;
            recover_later(&test.db, clock).await;
            let gone = usize::from(find(&test.db, &number).await.is_none());
            let fired = outbox(&test.db).await.len() - before - fired;
            // The DELETE is SeaORM's own statement, which looks at nothing but the key: one that was put off
            // for minutes is the known gap (docs/saves.md) when its process dies right after it.
            let delete = if support::is_sqlite(&test.db) { 6 } else { 5 };
            let gap = at == delete && (delete..delete + 3).contains(&dies);
            assert_eq!(fired, if gap { 0 } else { gone }, "{number}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
        }
    }
}

/// Lets minutes pass for everybody.
async fn recover_later(db: &DatabaseConnection, clock: &TestClock) {
    clock.advance(Duration::from_secs(11 * 60));
    let found = clock::scope(Arc::new(clock.clone()), recover(db))
        .await
        .unwrap();
    assert_eq!(found.failed, 0);
}

async fn find(db: &DatabaseConnection, number: &str) -> Option<order::Model> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let select = order::Entity::find().filter(order::Column::Number.eq(number));
    select.one(db).await.unwrap()
}
