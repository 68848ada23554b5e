//! Handlers that take effect once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use celerysalt::inbox::{Once, Receipt};
use celerysalt_sea_orm::once;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbErr, TransactionTrait};
use support::models::created;
use support::paths::new_order;
use support::statements::{take, watched};
use support::{TestDb, count, is_mysql, is_sqlite, outbox};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const DELIVERIES: usize = 8;

on_each! {
    async fn a_redelivery_does_nothing(test: &TestDb) {
        let receipt = receipt();
        // Work that failed has not been done.
        let failed = once(&receipt, &test.db, async |txn| { work(txn, "first").await?; Err::<(), _>(failure()) }).await;
        assert_eq!(failed.unwrap_err(), failure());
        assert_eq!(done(test).await, (0, 0, 0));
        let first = once(&receipt, &test.db, async |txn| work(txn, "first").await).await.unwrap();
        assert_eq!(first, Once::Done("first".to_owned()));
        let again = once(&receipt, &test.db, async |_| -> Result<(), DbErr> { panic!("it ran again") }).await.unwrap();
        assert_eq!(again, Once::Seen);
        assert_eq!(done(test).await, (1, 1, 1));
        // Another handler of the same event has not seen it.
        let other = Receipt::new(receipt.event_id(), "bill");
        assert!(!once(&other, &test.db, async |txn| work(txn, "other").await).await.unwrap().is_seen());
        assert_eq!(done(test).await, (2, 2, 2));
    }

    async fn in_a_transaction_it_is_a_savepoint(test: &TestDb) {
        let receipt = receipt();
        let own = test.db.begin().await.unwrap();
        assert!(!once(&receipt, &own, async |txn| work(txn, "undone").await).await.unwrap().is_seen());
        assert!(once(&receipt, &own, async |txn| work(txn, "undone").await).await.unwrap().is_seen());
        own.rollback().await.unwrap();
        assert_eq!(done(test).await, (0, 0, 0));
        assert!(!once(&receipt, &test.db, async |txn| work(txn, "done").await).await.unwrap().is_seen());
    }

    async fn a_delivery_that_waits_in_vain_for_another_says_so_after_one_wait(test: &TestDb) {
        if is_sqlite(&test.db) {
            return; // It waits for the writer, before it asks for the receipt.
        }
        let receipt = receipt();
        let (db, sent) = watched(test).await;
        let impatient = async |txn: &DatabaseTransaction| {
            let wait = if is_mysql(txn) { "SET SESSION innodb_lock_wait_timeout = 1" } else { "SET lock_timeout = '100ms'" };
            txn.execute_unprepared(wait).await
        };
        // All of its connections wait a moment only.
        let (one, two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        let (three, four) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        for own in [one, two, three, four] {
            impatient(&own).await.unwrap();
            own.commit().await.unwrap();
        }
        take(&sent);
        let done = once(&receipt, &test.db, async |txn| {
            let waited = once(&receipt, &db, async |txn| work(txn, "second").await).await.unwrap_err();
            assert!(matches!(waited, DbErr::Exec(_) | DbErr::Query(_)), "{waited:?}");
            work(txn, "first").await
        });
        assert!(!done.await.unwrap().is_seen());
        assert_eq!(take(&sent), ["INSERT celerysalt_inbox"]);
    }

    async fn of_many_deliveries_at_once_one_takes_effect(test: &TestDb) {
        // The first ones fail, and must leave it to the others.
        for failing in [0, 2] {
            let (receipt, before) = (receipt(), done(test).await);
            let begun = Arc::new(AtomicUsize::new(0));
            let start = Arc::new(Barrier::new(DELIVERIES));
            let mut deliveries = JoinSet::new();
            for _ in 0..DELIVERIES {
                let (db, receipt) = (test.db.clone(), receipt.clone());
                let (begun, start) = (Arc::clone(&begun), Arc::clone(&start));
                deliveries.spawn(async move {
                    start.wait().await;
                    once(&receipt, &db, async |txn| {
                        let turn = begun.fetch_add(1, Ordering::SeqCst);
                        work(txn, &format!("{failing} {turn}")).await?;
                        if turn < failing { Err(failure()) } else { Ok(()) }
                    })
                    .await
                });
            }
            let came_to = deliveries.join_all().await;
            let worked = came_to.iter().filter(|end| matches!(end, Ok(Once::Done(())))).count();
            let seen = came_to.iter().filter(|end| matches!(end, Ok(Once::Seen))).count();
            assert_eq!((worked, seen), (1, DELIVERIES - 1 - failing), "{came_to:?}");
            let now = done(test).await;
            assert_eq!((now.0 - before.0, now.1 - before.1, now.2 - before.2), (1, 1, 1));
        }
    }
}

fn receipt() -> Receipt {
    Receipt::new(uuid::Uuid::now_v7(), "ship")
}

fn failure() -> DbErr {
    DbErr::Custom("the work failed".to_owned())
}

/// A save that fires.
async fn work(txn: &DatabaseTransaction, number: &str) -> Result<String, DbErr> {
    let saved = new_order(number, vec![created()]).insert(txn).await?;
    Ok(saved.number)
}

/// Orders, events and receipts.
async fn done(test: &TestDb) -> (i64, usize, i64) {
    let orders = count(&test.db, "orders").await;
    let receipts = count(&test.db, "celerysalt_inbox").await;
    (orders, outbox(&test.db).await.len(), receipts)
}
