//! What is true after a restart: which saves are committed and which events came of them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use celerysalt::clock::{self, SharedClock};
use celerysalt::event::Envelope;
use celerysalt::outbox::{Destination, OutboxEvent, Relay, Settlement, SharedOutbox};
use celerysalt::testing::TestClock;
use celerysalt_sql::SqlOutbox;
use chrono::{TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, Statement};
use uuid::Uuid;

use crate::databases::is_sqlite;
use crate::order;
use crate::save::Act;

/// A destination that takes every event and remembers it.
#[derive(Default)]
pub struct Collector(Mutex<Vec<Envelope>>);

impl Collector {
    /// What came so far, in order.
    pub fn events(&self) -> Vec<Envelope> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Destination for Collector {
    async fn deliver(&self, batch: Vec<OutboxEvent>) -> Vec<Settlement> {
        let mut seen = self.0.lock().unwrap();
        batch
            .into_iter()
            .map(|event| {
                seen.push(event.envelope);
                Settlement::Delivered { dead: Vec::new() }
            })
            .collect()
    }
}

/// The outbox of a pool's database.
pub fn outbox(db: &DatabaseConnection) -> SharedOutbox {
    if is_sqlite(db) {
        Arc::new(SqlOutbox::sqlite(db.get_sqlite_connection_pool().clone()))
    } else {
        Arc::new(SqlOutbox::postgres(
            db.get_postgres_connection_pool().clone(),
        ))
    }
}

/// An hour from now: every lease and every grace of a dead process has run out.
pub fn later() -> SharedClock {
    Arc::new(TestClock::at(Utc::now() + TimeDelta::hours(1)))
}

/// Restarts: recovers what a dead process left and delivers everything; returns what was delivered.
pub async fn restart(db: &DatabaseConnection) -> Vec<Envelope> {
    clock::scope(later(), async {
        celerysalt_sea_orm::recover(db).await.unwrap()
    })
    .await;
    let collector = Arc::new(Collector::default());
    Relay::builder(outbox(db), collector.clone())
        .clock(later())
        .build()
        .drain()
        .await
        .unwrap();
    collector.events()
}

/// Whether the act on this order is committed, by the row itself.
pub async fn committed(db: &DatabaseConnection, act: Act, id: Uuid) -> bool {
    let row = order::Entity::find_by_id(id).one(db).await.unwrap();
    match act {
        Act::Insert => row.is_some(),
        Act::Pay | Act::AttachAndPay => row.is_some_and(|order| order.status == "paid"),
        Act::Delete => row.is_none(),
    }
}

/// Asserts that exactly the events of a committed save came, and left the row as they should.
pub async fn assert_consistent(db: &DatabaseConnection, act: Act, id: Uuid, label: &str) -> bool {
    let delivered = restart(db).await;
    let committed = committed(db, act, id).await;
    let topics: Vec<_> = delivered.iter().map(|event| event.topic.as_str()).collect();
    let expected = if committed { vec![topic(act)] } else { vec![] };
    assert_eq!(topics, expected, "{label}: committed is {committed}");
    for event in &delivered {
        assert_eq!(event.payload["order_id"], id.to_string(), "{label}");
    }
    assert_rules(db, act, id, committed, label).await;
    assert_eq!(pending_rows(db).await, 0, "{label}: an intent is left");
    committed
}

fn topic(act: Act) -> &'static str {
    match act {
        Act::Insert => "order.made",
        Act::Pay | Act::AttachAndPay => "order.paid",
        Act::Delete => "order.gone",
    }
}

async fn assert_rules(db: &DatabaseConnection, act: Act, id: Uuid, committed: bool, label: &str) {
    let Some(order) = order::Entity::find_by_id(id).one(db).await.unwrap() else {
        return;
    };
    assert!(
        order.on_change_rules.note().is_none(),
        "{label}: events still travel in the row"
    );
    let expected = match (act, committed) {
        (Act::Insert, _) | (Act::Pay, true) => 2,
        (Act::Pay | Act::Delete, _) => 3,
        (Act::AttachAndPay, _) => 0,
    };
    assert_eq!(
        order.on_change_rules.len(),
        expected,
        "{label}: rules of the row"
    );
}

async fn pending_rows(db: &DatabaseConnection) -> i64 {
    let count = Statement::from_string(
        db.get_database_backend(),
        "SELECT COUNT(*) AS n FROM celerysalt_pending",
    );
    db.query_one_raw(count)
        .await
        .unwrap()
        .unwrap()
        .try_get("", "n")
        .unwrap()
}
