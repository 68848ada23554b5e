//! The history of models.

use celerysalt::history::Transition;
use celerysalt::model::Operation;
use celerysalt_sql::{HistoryError, Session, history};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::{Case, databases, on_every_database};

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 123_456_000).unwrap()
}

fn transition(aggregate: &str, second: i64) -> Transition {
    Transition {
        id: Uuid::now_v7(),
        model: aggregate.split(':').next().unwrap().to_owned(),
        aggregate: aggregate.to_owned(),
        operation: Operation::Update,
        field: "status".to_owned(),
        old: json!("pending"),
        new: json!("paid"),
        rule_id: Some("r1".to_owned()),
        event_id: Some(Uuid::now_v7()),
        actor: Some("user:ada".to_owned()),
        at: start() + TimeDelta::seconds(second),
        correlation_id: Some("c".to_owned()),
    }
}

async fn come_back_whole_and_once<DB: Case>(pool: &sqlx::Pool<DB>)
where
    for<'c> &'c mut sqlx::Transaction<'static, DB>: Into<Session<'c>>,
{
    let mut full = transition("order:ä 😀", 1);
    full.field = format!("document.{}", "deep.".repeat(1_000));
    full.actor = Some("ä".repeat(10_000));
    full.correlation_id = Some("c".repeat(10_000));
    let bare = Transition {
        operation: Operation::Insert,
        old: json!(null),
        new: json!({"amount": "12345678901234567890.123", "list": [1, 2.5, null, "\"'\\"]}),
        rule_id: None,
        event_id: None,
        actor: None,
        correlation_id: None,
        ..transition("order:1", 2)
    };
    let gone = Transition {
        operation: Operation::Delete,
        new: json!(null),
        ..transition("order:1", 3)
    };
    let all = [full, bare, gone];
    let mut tx = pool.begin().await.unwrap();
    history::append_in(&mut tx, &all).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(DB::count(pool, "celerysalt_transitions").await, 0);
    let mut tx = pool.begin().await.unwrap();
    history::append_in(&mut tx, &[]).await.unwrap();
    history::append_in(&mut tx, &all).await.unwrap();
    history::append_in(&mut tx, &all[1..]).await.unwrap();
    let read = history::of_model("order").read(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let newest_first: Vec<_> = all.into_iter().rev().collect();
    assert_eq!(read, newest_first);
}

async fn are_read_in_pages<DB: Case>(pool: &sqlx::Pool<DB>)
where
    for<'c> &'c mut sqlx::Transaction<'static, DB>: Into<Session<'c>>,
{
    // Three of each instant, more than one statement writes.
    let mut all: Vec<_> = (0..2_100)
        .map(|number| transition("order:1", number / 3))
        .collect();
    let others = [
        transition("order:10", 5_000),
        transition("Order:1", 5_000),
        transition("invoice:1", 5_000),
    ];
    let mut tx = pool.begin().await.unwrap();
    history::append_in(&mut tx, &all).await.unwrap();
    history::append_in(&mut tx, &others).await.unwrap();
    let mut read: Vec<Transition> = Vec::new();
    loop {
        let mut page = history::of_row("order:1").limit(500);
        if let Some(last) = read.last() {
            page = page.before(last);
        }
        let page = page.read(&mut tx).await.unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    all.reverse();
    assert!(
        read == all,
        "each once, newest first, those of one instant by their ids"
    );
    let models = history::of_model("order").limit(1).read(&mut tx).await;
    assert_eq!(models.unwrap(), others[..1]);
    assert_eq!(
        history::of_row("order:1")
            .read(&mut tx)
            .await
            .unwrap()
            .len(),
        100
    );
    tx.rollback().await.unwrap();
}

async fn says_that_the_table_is_missing<DB: Case>(pool: &sqlx::Pool<DB>)
where
    for<'c> &'c mut sqlx::Transaction<'static, DB>: Into<Session<'c>>,
{
    DB::run(pool, "DROP TABLE celerysalt_transitions").await;
    let mut tx = pool.begin().await.unwrap();
    let failed = history::append_in(&mut tx, &[transition("order:1", 1)]).await;
    assert!(
        matches!(failed, Err(HistoryError::NotMigrated)),
        "{failed:?}"
    );
    tx.rollback().await.unwrap();
}

on_every_database!(
    come_back_whole_and_once,
    are_read_in_pages,
    says_that_the_table_is_missing,
);

/// A connection of a pool will do as well as a transaction.
#[tokio::test]
async fn a_connection_will_do() {
    let database = databases::sqlite::Sqlite::fresh().await;
    let mut connection = database.pool.acquire().await.unwrap();
    let one = [transition("order:1", 1)];
    history::append_in(&mut *connection, &one).await.unwrap();
    let read = history::of_row("order:1").read(&mut *connection).await;
    assert_eq!(read.unwrap(), one);
    drop(connection);
    database.close().await;
}
