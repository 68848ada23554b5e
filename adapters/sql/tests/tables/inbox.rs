//! The inbox: work that takes effect once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use celerysalt::clock::{self, Clock};
use celerysalt::inbox::{Once, Receipt};
use celerysalt_sql::{Session, inbox};
use chrono::{TimeDelta, Utc};
use sqlx::Pool;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{Case, on_every_database};

const SHIP: &str = "INSERT INTO shipments (number) VALUES (1)";

/// Work that fails.
fn refused() -> sqlx::Error {
    sqlx::Error::Protocol("the work failed".to_owned())
}

fn receipt() -> Receipt {
    Receipt::new(Uuid::now_v7(), "shop::ship")
}

async fn shop<DB: Case>(pool: &Pool<DB>) {
    DB::run(pool, "CREATE TABLE shipments (number INTEGER)").await;
}

async fn ship<DB: Case>(pool: &Pool<DB>, receipt: &Receipt) -> sqlx::Result<Once<()>> {
    inbox::once(receipt, pool, async |tx| DB::run_in(tx, SHIP).await).await
}

async fn work_takes_effect_once<DB: Case>(pool: &Pool<DB>) {
    shop(pool).await;
    let first = receipt();
    assert_eq!(ship(pool, &first).await.unwrap(), Once::Done(()));
    assert_eq!(ship(pool, &first).await.unwrap(), Once::Seen);
    assert_eq!(ship(pool, &receipt()).await.unwrap(), Once::Done(()));
    let another_handler = Receipt::new(first.event_id(), "shop::bill");
    assert_eq!(ship(pool, &another_handler).await.unwrap(), Once::Done(()));
    assert_eq!(DB::count(pool, "shipments").await, 3);
    assert_eq!(DB::count(pool, "celerysalt_inbox").await, 3);
}

async fn work_that_fails_leaves_nothing<DB: Case>(pool: &Pool<DB>) {
    shop(pool).await;
    let receipt = receipt();
    let failed = inbox::once(&receipt, pool, async |tx| {
        DB::run_in(tx, SHIP).await?;
        Err::<(), _>(refused())
    });
    assert!(matches!(failed.await, Err(sqlx::Error::Protocol(_))));
    assert_eq!(DB::count(pool, "shipments").await, 0);
    assert_eq!(DB::count(pool, "celerysalt_inbox").await, 0);
    assert_eq!(ship(pool, &receipt).await.unwrap(), Once::Done(()));
}

/// The first delivery's work, stopped in its middle until it is told how to end.
struct Held {
    end: oneshot::Sender<sqlx::Result<()>>,
    outcome: tokio::task::JoinHandle<sqlx::Result<Once<()>>>,
}

async fn hold<DB: Case>(pool: &Pool<DB>, receipt: &Receipt) -> Held {
    let (end, ended) = oneshot::channel();
    let (begin, begun) = oneshot::channel();
    let (pool, receipt) = (pool.clone(), receipt.clone());
    let outcome = tokio::spawn(async move {
        inbox::once(&receipt, &pool, async |tx| {
            DB::run_in(tx, SHIP).await?;
            begin.send(()).unwrap();
            ended.await.unwrap()
        })
        .await
    });
    begun.await.unwrap();
    Held { end, outcome }
}

/// Redeliveries that come while the first is running; `ran` counts how often their work was.
fn redeliver<DB: Case>(
    pool: &Pool<DB>,
    receipt: &Receipt,
    ran: &Arc<AtomicU32>,
) -> tokio::task::JoinHandle<sqlx::Result<Once<()>>> {
    let (pool, receipt, ran) = (pool.clone(), receipt.clone(), Arc::clone(ran));
    tokio::spawn(async move {
        inbox::once(&receipt, &pool, async |tx| {
            ran.fetch_add(1, Ordering::SeqCst);
            DB::run_in(tx, SHIP).await
        })
        .await
    })
}

async fn a_redelivery_waits_for_the_first<DB: Case>(pool: &Pool<DB>) {
    shop(pool).await;
    let receipt = receipt();
    let first = hold(pool, &receipt).await;
    let ran = Arc::default();
    let mut second = redeliver(pool, &receipt, &ran);
    // As long as the first may still fail, the second has no answer.
    let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    assert!(early.is_err(), "{early:?}");
    first.end.send(Ok(())).unwrap();
    assert_eq!(first.outcome.await.unwrap().unwrap(), Once::Done(()));
    assert_eq!(second.await.unwrap().unwrap(), Once::Seen);
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert_eq!(DB::count(pool, "shipments").await, 1);
}

async fn of_those_who_wait_for_one_that_fails_one_works<DB: Case>(pool: &Pool<DB>) {
    shop(pool).await;
    for _ in 0..3 {
        let receipt = receipt();
        let before = DB::count(pool, "shipments").await;
        let first = hold(pool, &receipt).await;
        let ran = Arc::default();
        let waiting: Vec<_> = (0..4).map(|_| redeliver(pool, &receipt, &ran)).collect();
        // Lets them come to where they wait; if they have not, the case is an easier one.
        tokio::time::sleep(Duration::from_millis(100)).await;
        first.end.send(Err(refused())).unwrap();
        assert!(first.outcome.await.unwrap().is_err());
        let mut done = 0;
        for outcome in waiting {
            done += u32::from(!outcome.await.unwrap().unwrap().is_seen());
        }
        assert_eq!((done, ran.load(Ordering::SeqCst)), (1, 1));
        assert_eq!(DB::count(pool, "shipments").await, before + 1);
    }
}

async fn of_many_deliveries_at_once_one_works<DB: Case>(pool: &Pool<DB>) {
    shop(pool).await;
    let (receipt, ran) = (receipt(), Arc::default());
    let all: Vec<_> = (0..16).map(|_| redeliver(pool, &receipt, &ran)).collect();
    let mut done = 0;
    for outcome in all {
        done += u32::from(!outcome.await.unwrap().unwrap().is_seen());
    }
    assert_eq!((done, ran.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(DB::count(pool, "shipments").await, 1);
}

async fn receipts_are_recorded_in_the_callers_transaction_and_purged<DB: Case>(pool: &Pool<DB>)
where
    for<'c> &'c mut sqlx::Transaction<'static, DB>: Into<Session<'c>>,
{
    let (gone, kept) = (receipt(), receipt());
    let mut tx = pool.begin().await.unwrap();
    assert!(inbox::record_in(&mut tx, &gone).await.unwrap());
    assert!(!inbox::record_in(&mut tx, &gone).await.unwrap());
    tx.rollback().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    assert!(inbox::record_in(&mut tx, &gone).await.unwrap());
    assert!(inbox::record_in(&mut tx, &kept).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    let now = clock::SystemClock.now();
    let hour = TimeDelta::hours(1);
    assert_eq!(inbox::purge(&mut tx, now - hour).await.unwrap(), 0);
    assert_eq!(inbox::purge(&mut tx, now + hour).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(DB::count(pool, "celerysalt_inbox").await, 0);
}

async fn purges_more_than_one_statement_does<DB: Case>(pool: &Pool<DB>)
where
    for<'c> &'c mut sqlx::Transaction<'static, DB>: Into<Session<'c>>,
{
    const RECEIPTS: u64 = 5_001;
    let mut tx = pool.begin().await.unwrap();
    for _ in 0..RECEIPTS {
        inbox::record_in(&mut tx, &receipt()).await.unwrap();
    }
    let later = Utc::now() + TimeDelta::hours(1);
    assert_eq!(inbox::purge(&mut tx, later).await.unwrap(), RECEIPTS);
    tx.rollback().await.unwrap();
}

async fn says_that_the_table_is_missing<DB: Case>(pool: &Pool<DB>) {
    DB::run(pool, "DROP TABLE celerysalt_inbox").await;
    let error = ship(pool, &receipt()).await.unwrap_err();
    assert!(error.to_string().contains("run the migrations"), "{error}");
}

on_every_database!(
    work_takes_effect_once,
    work_that_fails_leaves_nothing,
    a_redelivery_waits_for_the_first,
    of_those_who_wait_for_one_that_fails_one_works,
    of_many_deliveries_at_once_one_works,
    receipts_are_recorded_in_the_callers_transaction_and_purged,
    purges_more_than_one_statement_does,
    says_that_the_table_is_missing,
);
