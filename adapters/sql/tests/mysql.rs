//! The outbox in MariaDB: the conformance kit, and what only MySQL and MariaDB do.
#![cfg(feature = "mysql")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../migrations/tests/databases/mod.rs"]
mod databases;
#[macro_use]
mod outbox_cases;

use std::time::Duration;

use celerysalt::history::Transition;
use celerysalt::model::Operation;
use celerysalt::outbox::OutboxEvent;
use celerysalt_sql::history;
use serde_json::json;
use sqlx::mysql::MySqlPoolOptions;
use uuid::Uuid;

outbox_cases!(
    Mysql, mysql,
    damage: [
        "payload = '{'",
        "meta = '{\"depth\": []}'",
        "id = '01980c2e-zzzz-7000-8000-000000000001'",
    ],
    mend: "payload = '{}', meta = '{}', id = '01980c2e-0000-7000-8000-000000000001'",
    refuse: "ALTER TABLE celerysalt_dead_letters ADD CHECK (attempts < 4)"
);

/// A relay that has locked the head of an aggregate, but not yet claimed it, is not overtaken.
#[tokio::test]
async fn a_locked_head_is_not_overtaken() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let events = [event("a", 1), event("a", 2), event("b", 3)];
    outbox.append(&events, start()).await.unwrap();
    let mut other = database.pool.begin().await.unwrap();
    sqlx::query("SELECT seq FROM celerysalt_outbox WHERE id = ? FOR UPDATE")
        .bind(events[0].id.to_string())
        .execute(&mut *other)
        .await
        .unwrap();
    let claimed = outbox.claim(10, start(), LEASE).await.unwrap();
    let ids: Vec<_> = claimed.iter().map(|e| e.envelope.id).collect();
    assert_eq!(ids, [events[2].id]);
    other.rollback().await.unwrap();
    let claimed = outbox.claim(10, start(), LEASE).await.unwrap();
    assert_eq!(claimed.len(), 2);
    database.close().await;
}

/// What is stored is UTC, whatever zone the sessions are in.
#[tokio::test]
async fn the_time_zone_of_a_session_does_not_matter() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let elsewhere = MySqlPoolOptions::new()
        .after_connect(|connection, _| {
            Box::pin(async move {
                let zone = "SET time_zone = '+05:00'";
                sqlx::raw_sql(zone).execute(connection).await.map(drop)
            })
        })
        .connect(&database.url)
        .await
        .unwrap();
    let far = SqlOutbox::mysql(elsewhere.clone());
    far.append(&[event("", 1)], start()).await.unwrap();
    let second = TimeDelta::seconds(1);
    assert_eq!(outbox.claim(1, start() - second, LEASE).await.unwrap(), []);
    let held = outbox.claim(1, start(), LEASE).await.unwrap();
    assert_eq!(held[0].created_at, start());
    let end = start() + TimeDelta::from_std(LEASE).unwrap();
    assert_eq!(far.next_due(start()).await.unwrap(), Some(end));
    assert_eq!(far.claim(1, end - second, LEASE).await.unwrap(), []);
    assert_eq!(far.claim(1, end, LEASE).await.unwrap().len(), 1);
    elsewhere.close().await;
    database.close().await;
}

/// A transaction of the store's that the database ends for the sake of another is run again.
#[tokio::test]
async fn a_lost_deadlock_is_run_again() {
    const LOCK: &str = "SELECT seq FROM celerysalt_outbox WHERE id = ? FOR UPDATE";
    let Fresh(database, outbox) = Fresh::fresh().await;
    let events: Vec<_> = (0..60).map(|n| event("", n)).collect();
    outbox.append(&events, start()).await.unwrap();
    let held = outbox.claim(2, start(), LEASE).await.unwrap();
    let ids: Vec<_> = held.iter().map(|e| e.envelope.id.to_string()).collect();
    // It has changed so much that the database prefers to end the other one.
    let mut other = database.pool.begin().await.unwrap();
    let much = "UPDATE celerysalt_outbox SET last_error = 'x' WHERE claim IS NULL";
    sqlx::query(much).execute(&mut *other).await.unwrap();
    let lock = sqlx::query(LOCK).bind(&ids[1]);
    lock.execute(&mut *other).await.unwrap();
    let again = |event: OutboxEvent| {
        let settlement = Settlement::Unroutable { at: start() };
        (event, settlement)
    };
    let settled: Vec<_> = held.into_iter().map(again).collect();
    let settling = tokio::spawn(async move { outbox.settle(&settled, start()).await });
    until_one_waits(&database).await;
    let lock = sqlx::query(LOCK).bind(&ids[0]);
    lock.execute(&mut *other).await.unwrap();
    other.commit().await.unwrap();
    settling.await.unwrap().unwrap();
    let outbox = SqlOutbox::mysql(database.pool.clone());
    assert_eq!(outbox.status().await.unwrap().unroutable, 2);
    database.close().await;
}

/// Two transactions that put something into the outbox and the history do not wait for each other.
#[tokio::test]
async fn appends_in_transactions_keep_nobody_waiting() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let transition = |number: u64| Transition {
        id: Uuid::now_v7(),
        model: "order".to_owned(),
        aggregate: format!("order:{number}"),
        operation: Operation::Update,
        field: "status".to_owned(),
        old: json!("new"),
        new: json!("paid"),
        rule_id: None,
        event_id: None,
        actor: None,
        at: start(),
        correlation_id: None,
    };
    let events: Vec<_> = (0..4).map(|number| event("", number)).collect();
    let transitions: Vec<_> = (0..4).map(transition).collect();
    let mut open = Vec::new();
    // The later ones come behind all, and between others, in the order of the ids.
    for at in [0, 3, 1, 2] {
        let mut tx = database.pool.begin().await.unwrap();
        let impatient = "SET SESSION innodb_lock_wait_timeout = 1";
        sqlx::query(impatient).execute(&mut *tx).await.unwrap();
        append_in(&mut tx, &events[at..=at], start()).await.unwrap();
        let told = &transitions[at..=at];
        history::append_in(&mut tx, told).await.unwrap();
        open.push(tx);
    }
    for tx in open {
        tx.commit().await.unwrap();
    }
    // What is there already is left alone.
    outbox.append(&events, start()).await.unwrap();
    assert_eq!(outbox.status().await.unwrap().pending, 4);
    database.close().await;
}

/// Until a transaction in this database waits for a lock.
async fn until_one_waits(database: &Mysql) {
    const WAITING: &str = "
        SELECT count(*) FROM information_schema.innodb_trx
        JOIN information_schema.processlist ON id = trx_mysql_thread_id
        WHERE trx_state = 'LOCK WAIT' AND db = database()";
    let wait = async {
        loop {
            let waiting = sqlx::query_scalar::<_, i64>(WAITING);
            if waiting.fetch_one(&database.pool).await.unwrap() > 0 {
                return;
            }
            // The table is a cache that is filled anew when nobody has read it for 100 ms.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
}

/// Aggregates are not the same when only their case is.
#[tokio::test]
async fn text_compares_by_code_point() {
    let Fresh(database, outbox) = Fresh::fresh().await;
    let events = [
        event("order:a", 1),
        event("order:A", 2),
        event("order:ä", 3),
    ];
    outbox.append(&events, start()).await.unwrap();
    for event in &events {
        let claimed = outbox.claim(1, start(), LEASE).await.unwrap();
        assert_eq!(claimed[0].envelope, *event, "not held back by another");
    }
    database.close().await;
}
