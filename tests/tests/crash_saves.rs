//! A process that is SIGKILLed at any statement boundary of any save path leaves, after a restart, exactly
//! the events of committed saves; a save that is rolled back at any boundary leaves none.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt_tests::boundary;
use celerysalt_tests::child;
use celerysalt_tests::databases::{self, TestDatabase};
use celerysalt_tests::outcome::{assert_consistent, committed, restart};
use celerysalt_tests::save::{self, ACTS, Act, PATHS, Path};
use sea_orm::TransactionTrait;
use uuid::Uuid;

/// No save of these sends more statements; a save that never ends would.
const MOST_STATEMENTS: u64 = 60;

#[tokio::test]
async fn killed_at_every_statement_sqlite() {
    killed_at_every_statement(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn killed_at_every_statement_postgres() {
    killed_at_every_statement(TestDatabase::postgres().await).await;
}

async fn killed_at_every_statement(database: TestDatabase) {
    for path in PATHS {
        for act in ACTS {
            let (kills, lost) = kill_through(&database, path, act).await;
            println!(
                "{path:?} {act:?}: killed at {kills} boundaries, {lost} of them before the commit"
            );
            assert!(
                kills >= 2,
                "{path:?} {act:?} was killed at {kills} boundaries only"
            );
            assert!(
                lost >= 1,
                "{path:?} {act:?}: no kill came before the commit"
            );
        }
    }
    database.drop_database().await;
}

async fn kill_through(database: &TestDatabase, path: Path, act: Act) -> (u64, u64) {
    let db = database.connect().await;
    let mut lost = 0;
    for n in 1..MOST_STATEMENTS {
        let id = Uuid::new_v4();
        save::prepare(&db, act, id).await;
        let killed = run_child(&database.child_url(), path, act, id, n).await;
        databases::until_child_is_gone(&db).await;
        let label = format!("{path:?} {act:?} killed after statement {n}");
        let committed = assert_consistent(&db, act, id, &label).await;
        if !killed {
            assert!(committed, "{label}: the save returned Ok and is not there");
            db.close().await.unwrap();
            return (n - 1, lost);
        }
        lost += u64::from(!committed);
    }
    panic!("{path:?} {act:?} sent {MOST_STATEMENTS} statements and more");
}

async fn run_child(url: &str, path: Path, act: Act, id: Uuid, n: u64) -> bool {
    let (path, act) = (format!("{path:?}"), format!("{act:?}"));
    let (id, n) = (id.to_string(), n.to_string());
    child::run(
        env!("CARGO_BIN_EXE_crash-child"),
        &["save", url, &path, &act, &id, &n],
    )
    .await
}

#[tokio::test]
async fn rolled_back_at_every_statement_sqlite() {
    rolled_back_at_every_statement(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn rolled_back_at_every_statement_postgres() {
    rolled_back_at_every_statement(TestDatabase::postgres().await).await;
}

async fn rolled_back_at_every_statement(database: TestDatabase) {
    for act in ACTS {
        for follow in [true, false] {
            let cuts = roll_back_through(&database, act, follow).await;
            println!("{act:?} follow={follow}: rolled back at {cuts} boundaries");
            assert!(cuts >= 1, "{act:?} follow={follow} was never rolled back");
        }
        for path in [Path::Follow, Path::Pool] {
            let cuts = cut_through(&database, path, act).await;
            println!("{path:?} {act:?}: cut at {cuts} boundaries");
            assert!(
                cuts >= 2,
                "{path:?} {act:?} was cut at {cuts} boundaries only"
            );
        }
    }
    database.drop_database().await;
}

/// Inside the caller's transaction: whatever boundary the save got to, a rollback leaves nothing.
async fn roll_back_through(database: &TestDatabase, act: Act, follow: bool) -> u64 {
    let mut db = database.connect().await;
    let boundary = boundary::watch(&mut db);
    for n in 1..MOST_STATEMENTS {
        let id = Uuid::new_v4();
        save::prepare(&db, act, id).await;
        let txn = db.begin().await.unwrap();
        let saved = if follow {
            boundary.cut_after(n, save::follow(&txn, act, id)).await
        } else {
            boundary.cut_after(n, save::plain(&txn, act, id)).await
        };
        txn.rollback().await.unwrap();
        let label = format!("{act:?} follow={follow} rolled back after statement {n}");
        assert!(
            !assert_consistent(&db, act, id, &label).await,
            "{label}: the save is there"
        );
        if let Some(result) = saved {
            result.unwrap();
            db.close().await.unwrap();
            return n - 1;
        }
    }
    panic!("{act:?} sent {MOST_STATEMENTS} statements and more");
}

/// Without a transaction of the caller's: a save that is cut is either all there or not at all.
async fn cut_through(database: &TestDatabase, path: Path, act: Act) -> u64 {
    let mut db = database.connect().await;
    let boundary = boundary::watch(&mut db);
    for n in 1..MOST_STATEMENTS {
        let id = Uuid::new_v4();
        save::prepare(&db, act, id).await;
        let saved = boundary.cut_after(n, save::save(&db, path, act, id)).await;
        let label = format!("{path:?} {act:?} cut after statement {n}");
        assert_consistent(&db, act, id, &label).await;
        if let Some(result) = saved {
            result.unwrap();
            assert!(
                committed(&db, act, id).await && restart(&db).await.is_empty(),
                "{label}"
            );
            db.close().await.unwrap();
            return n - 1;
        }
    }
    panic!("{path:?} {act:?} sent {MOST_STATEMENTS} statements and more");
}
