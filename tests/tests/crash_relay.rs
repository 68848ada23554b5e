//! A relay that is SIGKILLed at any statement boundary, or in any handler, has, after a restart, delivered every
//! event at least once, under one id, in the order of each aggregate.
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt_tests::act::later;
use celerysalt_tests::databases::{Sessions, TestDatabase, outbox};
use celerysalt_tests::figures::figures;
use celerysalt_tests::{child, relaying};
use chrono::Utc;
use tempfile::TempDir;

/// No delivery of these few events sends more statements; one that never ends would.
const MOST_STATEMENTS: u64 = 120;

#[tokio::test]
async fn killed_at_every_statement_sqlite() {
    killed_at_every("relay", "statement", TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn killed_at_every_statement_postgres() {
    killed_at_every("relay", "statement", TestDatabase::postgres().await).await;
}

#[tokio::test]
async fn killed_in_every_handler_sqlite() {
    killed_at_every("handle", "handler", TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn killed_in_every_handler_postgres() {
    killed_at_every("handle", "handler", TestDatabase::postgres().await).await;
}

#[tokio::test]
async fn killed_at_every_statement_mariadb() {
    killed_at_every("relay", "statement", TestDatabase::mariadb().await).await;
}

#[tokio::test]
async fn killed_in_every_handler_mariadb() {
    killed_at_every("handle", "handler", TestDatabase::mariadb().await).await;
}

async fn killed_at_every(task: &str, what: &str, database: TestDatabase) {
    child::set_program(env!("CARGO_BIN_EXE_crash-child"));
    let db = database.connect().await;
    let store = outbox(&db);
    let folder = TempDir::new().unwrap();
    for n in 1..MOST_STATEMENTS {
        let events = relaying::events(3);
        store.append(&events, Utc::now()).await.unwrap();
        let journal = folder.path().join(format!("{n}"));
        let (path, boundary) = (journal.display().to_string(), n.to_string());
        let ours = Sessions::of(&db).await;
        let killed = child::run(&[task, &database.url, &path, &boundary]).await;
        ours.until_alone(&db).await;

        relaying::drain_into(&db, journal.clone(), later()).await;
        relaying::assert_delivered(&events, &journal, &format!("killed at {what} {n}"));
        let status = store.status().await.unwrap();
        assert_eq!(
            (status.pending, status.dead),
            (0, 0),
            "killed at {what} {n}"
        );
        if !killed {
            figures(format_args!("{task}: killed at {} boundaries", n - 1));
            assert!(n > 3, "the relay was killed at {} boundaries only", n - 1);
            db.close().await.unwrap();
            return database.drop_database().await;
        }
    }
    panic!("the relay sent {MOST_STATEMENTS} statements and more");
}
