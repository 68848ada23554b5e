//! Saves without a transaction whose saver dies: at every statement, before and after it arrives. What was
//! committed fires once in the end, what was not fires nothing, and nothing is left behind.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;

use celerysalt::clock;
use celerysalt::model::Operation;
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use celerysalt_sea_orm::{Recovered, recover};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection, EntityTrait, ModelTrait};
use serde_json::json;
use support::failing::Failing;
use support::models::{OrderCreated, created, deleted, paid};
use support::paths::{new_order, only_status, reload, stored_order, with_status};
use support::{count, order, outbox, stored_rules};

/// More statements than any save sends.
const STEPS: usize = 20;

on_each! {
    async fn an_update_is_whole_after_recovery_wherever_it_dies(test: &TestDb) {
        let mut finished = 0;
        for (steps, arrives) in crashes() {
            let before = outbox(&test.db).await.len();
            let number = format!("{steps} {arrives}");
            let order = stored_order(&test.db, &number, vec![paid(), deleted()]).await;
            let db = Failing::new(&test.db, steps, arrives);
            let saved = with_status(&order, "paid").update(&db).await;
            recover_now_and_later(&test.db).await;
            let now = reload(&test.db, order.id).await;
            let fired = outbox(&test.db).await.len() - before;
            assert_eq!(fired, usize::from(now.status == "paid"), "{number}");
            assert_eq!(now.on_change_rules.len(), 2 - fired, "{number}");
            assert!(saved.is_err() || now.status == "paid", "{number}");
            assert_nothing_left(&test.db, order.id).await;
            finished += usize::from(db.is_alive());
        }
        assert!(finished > 0, "STEPS is too small to see a whole save");
    }

    async fn the_next_save_makes_good_what_the_last_left(test: &TestDb) {
        for (steps, arrives) in crashes() {
            let before = outbox(&test.db).await.len();
            let number = format!("{steps} {arrives}");
            let order = stored_order(&test.db, &number, vec![paid()]).await;
            let db = Failing::new(&test.db, steps, arrives);
            let _ = with_status(&order, "paid").update(&db).await;
            let was_paid = reload(&test.db, order.id).await.status == "paid";
            // Another field, so that this save fires nothing of its own.
            let mut next = order::ActiveModel { id: sea_orm::ActiveValue::Unchanged(order.id), ..Default::default() };
            next.remark = sea_orm::ActiveValue::Set(Some("next".to_owned()));
            next.update(&test.db).await.unwrap();
            assert_eq!(outbox(&test.db).await.len() - before, usize::from(was_paid), "{number}");
            let rules = stored_rules(&test.db, order.id).await;
            assert!(!rules.contains("celerysalt"), "{number}: {rules}");
        }
    }

    async fn an_insert_is_whole_after_recovery_wherever_it_dies(test: &TestDb) {
        for (steps, arrives) in crashes() {
            let before = outbox(&test.db).await.len();
            let number = format!("{steps} {arrives}");
            let db = Failing::new(&test.db, steps, arrives);
            let _ = new_order(&number, vec![created(), paid()]).insert(&db).await;
            recover_now_and_later(&test.db).await;
            let row = find(&test.db, &number).await;
            let fired = outbox(&test.db).await.len() - before;
            assert_eq!(fired, usize::from(row.is_some()), "{number}");
            if let Some(row) = row {
                assert_eq!(row.on_change_rules.len(), 1, "{number}");
                assert_nothing_left(&test.db, row.id).await;
            }
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
        }
    }

    async fn an_insert_is_judged_by_its_own_time_whoever_looks_after_it(test: &TestDb) {
        let at = Utc::now().trunc_subsecs(6);
        for (steps, arrives) in crashes() {
            for is_recovered in [true, false] {
                let before = outbox(&test.db).await.len();
                let number = format!("{steps} {arrives} {is_recovered}");
                let db = Failing::new(&test.db, steps, arrives);
                let _ = at_time(at, new_order(&number, vec![created_until(at + TimeDelta::seconds(30))]).insert(&db)).await;
                let Some(row) = find(&test.db, &number).await else { continue };
                at_time(at + TimeDelta::seconds(60), async {
                    if is_recovered {
                        assert_eq!(recover(&test.db).await.unwrap().failed, 0);
                    } else {
                        only_status(row.id, "paid").update(&test.db).await.unwrap();
                    }
                }).await;
                let fired = outbox(&test.db).await.split_off(before);
                assert_eq!(fired.len(), 1, "{number}");
                let times = [&fired[0].payload["status"], &fired[0].meta["created_at"]];
                let times = times.map(|time| time.as_str().unwrap().parse::<DateTime<Utc>>().unwrap());
                assert_eq!(times, [at, at], "{number}");
            }
        }
    }

    async fn a_delete_is_whole_after_recovery_wherever_it_dies(test: &TestDb) {
        for (steps, arrives) in crashes() {
            let before = outbox(&test.db).await.len();
            let number = format!("{steps} {arrives}");
            let order = stored_order(&test.db, &number, vec![deleted(), paid()]).await;
            let db = Failing::new(&test.db, steps, arrives);
            let _ = order.clone().delete(&db).await;
            recover_now_and_later(&test.db).await;
            let row = find(&test.db, &number).await;
            let fired = outbox(&test.db).await.len() - before;
            assert_eq!(fired, usize::from(row.is_none()), "{number}");
            if let Some(row) = row {
                assert_eq!(row, order, "{number}");
                assert_nothing_left(&test.db, row.id).await;
            }
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
        }
    }

    async fn a_second_delete_takes_over_what_the_first_left(test: &TestDb) {
        for (steps, arrives) in crashes() {
            let before = outbox(&test.db).await.len();
            let number = format!("{steps} {arrives}");
            let order = stored_order(&test.db, &number, vec![deleted()]).await;
            let db = Failing::new(&test.db, steps, arrives);
            let _ = order.clone().delete(&db).await;
            order.delete(&test.db).await.unwrap();
            recover_now_and_later(&test.db).await;
            assert_eq!(outbox(&test.db).await.len() - before, 1, "{number}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
        }
    }

    async fn a_delete_in_a_transaction_takes_over_a_claim(test: &TestDb) {
        use sea_orm::TransactionTrait;
        for (steps, arrives) in crashes() {
            let before = outbox(&test.db).await.len();
            let number = format!("{steps} {arrives}");
            let order = stored_order(&test.db, &number, vec![deleted()]).await;
            let db = Failing::new(&test.db, steps, arrives);
            let _ = order.clone().delete(&db).await;
            let own = test.db.begin().await.unwrap();
            order.delete(&own).await.unwrap();
            own.commit().await.unwrap();
            recover_now_and_later(&test.db).await;
            assert_eq!(outbox(&test.db).await.len() - before, 1, "{number}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
        }
    }

    async fn a_claim_that_was_abandoned_does_not_tell_old_data(test: &TestDb) {
        'crash: for (steps, arrives) in crashes() {
            for (path, at_once) in support::PATHS.into_iter().flat_map(|path| [(path, false), (path, true)]) {
                let before = outbox(&test.db).await.len();
                let number = format!("{steps} {arrives} {path:?} {at_once}");
                let order = stored_order(&test.db, &number, vec![deleted()]).await;
                let db = Failing::new(&test.db, steps, arrives);
                let _ = order.clone().delete(&db).await;
                if db.is_alive() {
                    continue 'crash;
                }
                if find(&test.db, &number).await.is_some() {
                    let changed = async {
                        path.update(&test.db, only_status(order.id, "changed")).await.unwrap();
                        let changed = reload(&test.db, order.id).await;
                        assert_eq!(path.delete(&test.db, changed).await.unwrap(), 1);
                    };
                    // Whether the claim still stands or not.
                    if at_once { changed.await } else { soon(changed).await }
                    let fired = outbox(&test.db).await.split_off(before);
                    assert_eq!(fired[0].payload["status"], "changed", "{number}");
                }
                recover_now_and_later(&test.db).await;
                assert_eq!(outbox(&test.db).await.len() - before, 1, "{number}");
                assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
            }
        }
    }

    async fn a_future_that_is_dropped_is_a_crash_too(test: &TestDb) {
        for polls in 1..60_usize {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{polls}"), vec![paid()]).await;
            let save = with_status(&order, "paid").update(&test.db);
            let mut save = Box::pin(save);
            let mut left = polls;
            let cut = std::future::poll_fn(|cx| {
                if left == 0 {
                    return std::task::Poll::Ready(());
                }
                left -= 1;
                save.as_mut().poll(cx).map(drop)
            });
            cut.await;
            drop(save);
            recover_now_and_later(&test.db).await;
            let now = reload(&test.db, order.id).await;
            let fired = outbox(&test.db).await.len() - before;
            assert_eq!(fired, usize::from(now.status == "paid"), "{polls}");
            assert_nothing_left(&test.db, order.id).await;
        }
    }

    async fn recovery_beside_savers_moves_nothing_twice(test: &TestDb) {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..16 {
            let db = test.db.clone();
            tasks.spawn(async move {
                let order = new_order(&format!("{n}"), vec![created(), paid(), deleted()]).insert(&db).await.unwrap();
                only_status(order.id, "paid").update(&db).await.unwrap();
                reload(&db, order.id).await.delete(&db).await.unwrap();
            });
        }
        while !tasks.is_empty() {
            recover(&test.db).await.unwrap();
            tokio::task::yield_now().await;
            while tasks.try_join_next().is_some_and(|joined| { joined.unwrap(); true }) {}
        }
        let mut fired: Vec<_> = outbox(&test.db).await.into_iter().map(|event| event.topic).collect();
        fired.sort();
        let expected = [["order.created"; 16], ["order.deleted"; 16], ["order.paid"; 16]].concat();
        assert_eq!(fired, expected);
        recover_now_and_later(&test.db).await;
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    }

    async fn what_cannot_be_read_is_kept_and_stops_nothing_else(test: &TestDb) {
        // An intent that another version wrote, before one that can be recovered.
        let id = uuid::Uuid::nil();
        let strange = format!("INSERT INTO celerysalt_pending (id, model, operation, created_at)
            VALUES ('{id}', 'order', 'frob', '2026-01-01{}')", if support::is_mysql(&test.db) { "" } else { "T00:00:00.000000Z" });
        test.db.execute_unprepared(&strange).await.unwrap();
        let order = stored_order(&test.db, "moved", vec![paid()]).await;
        // On SQLite the write lock is a statement more.
        let until_noted = if support::is_sqlite(&test.db) { 5 } else { 4 };
        let _ = with_status(&order, "paid").update(&Failing::new(&test.db, until_noted, false)).await;
        let found = later(recover(&test.db)).await.unwrap();
        assert_eq!((found.moved, found.failed), (1, 1));
        assert_eq!(outbox(&test.db).await.len(), 1);

        // A note that another version wrote: it may hold events.
        let order = stored_order(&test.db, "noted", vec![paid()]).await;
        let rules = format!(r#"[{{"celerysalt": {{"save": {{"id": "{id}", "frobs": ["an event"]}}}}}}]"#);
        let cast = if support::is_postgres(&test.db) { "::jsonb" } else { "" };
        let note = format!("UPDATE orders SET on_change_rules = '{rules}'{cast} WHERE id = {}", order.id);
        test.db.execute_unprepared(&note).await.unwrap();
        for path in support::PATHS {
            let refused = path.update(&test.db, only_status(order.id, "paid")).await.unwrap_err();
            assert!(refused.to_string().contains("note") && !refused.to_string().contains("an event"), "{path:?}: {refused}");
            path.delete(&test.db, order.clone()).await.unwrap_err();
        }
        assert_eq!(reload(&test.db, order.id).await.status, "new");
        assert!(stored_rules(&test.db, order.id).await.contains("an event"));
        assert_eq!(count(&test.db, "celerysalt_pending").await, 1);
    }

    async fn recovery_says_what_it_found(test: &TestDb) {
        let nothing = Recovered::default();
        assert_eq!(recover(&test.db).await.unwrap(), nothing);
        let order = stored_order(&test.db, "moved", vec![paid()]).await;
        let _ = with_status(&order, "paid").update(&Failing::new(&test.db, 4, false)).await;
        let _ = only_status(order.id, "paid").update(&test.db).await;
        let order = stored_order(&test.db, "announced", vec![paid()]).await;
        let _ = with_status(&order, "paid").update(&Failing::new(&test.db, 3, false)).await;
        let found = recover(&test.db).await.unwrap();
        assert_eq!((found.left, found.dropped, found.failed), (1, 0, 0));
        let later = later(recover(&test.db)).await.unwrap();
        assert_eq!((later.left, later.dropped, later.failed), (0, 1, 0));
    }
}

/// Fires when an order is inserted before a time, and tells when that was.
fn created_until(end: DateTime<Utc>) -> Rule {
    Rule::when(order::Model::STATUS)
        .eql("new")
        .emit::<OrderCreated>(json!({"id": "{{ id }}", "status": "{{ now }}"}))
        .on([Operation::Insert])
        .expires_at(end)
}

fn crashes() -> impl Iterator<Item = (usize, bool)> {
    (1..STEPS).flat_map(|steps| [(steps, false), (steps, true)])
}

/// What a program does at start, and again ten minutes later.
async fn recover_now_and_later(db: &DatabaseConnection) {
    assert_eq!(recover(db).await.unwrap().failed, 0);
    assert_eq!(later(recover(db)).await.unwrap().failed, 0);
}

/// When a claim to delete stands no more.
async fn soon<F: Future>(save: F) -> F::Output {
    at_time(Utc::now() + TimeDelta::seconds(11), save).await
}

async fn later<F: Future>(recovery: F) -> F::Output {
    at_time(Utc::now() + TimeDelta::minutes(11), recovery).await
}

async fn at_time<F: Future>(at: DateTime<Utc>, future: F) -> F::Output {
    clock::scope(Arc::new(TestClock::at(at)), future).await
}

async fn assert_nothing_left(db: &DatabaseConnection, order: i32) {
    let rules = stored_rules(db, order).await;
    assert!(!rules.contains("celerysalt"), "{rules}");
    assert_eq!(count(db, "celerysalt_pending").await, 0);
}

async fn find(db: &DatabaseConnection, number: &str) -> Option<order::Model> {
    use sea_orm::{ColumnTrait, QueryFilter};
    let select = order::Entity::find().filter(order::Column::Number.eq(number));
    select.one(db).await.unwrap()
}
