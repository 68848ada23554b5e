//! Events of a program's own, in its transaction.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt::event::{Envelope, Meta};
use celerysalt_sea_orm::append_in;
use chrono::Utc;
use sea_orm::TransactionTrait;
use serde_json::json;
use support::outbox;

fn event(topic: &str) -> Envelope {
    Envelope {
        id: uuid::Uuid::now_v7(),
        topic: topic.to_owned(),
        version: Some("v1".to_owned()),
        payload: json!({"orders": 7}),
        meta: Meta::default(),
    }
}

on_each! {
    async fn events_of_ones_own_are_committed_with_the_transaction_or_not_at_all(test: &TestDb) {
        let refused = test.db.begin().await.unwrap();
        append_in(&refused, &[event("order.refused")], Utc::now()).await.unwrap();
        refused.rollback().await.unwrap();
        let events = [event("order.counted"), event("order.listed")];
        let txn = test.db.begin().await.unwrap();
        append_in(&txn, &events, Utc::now()).await.unwrap();
        txn.commit().await.unwrap();
        let kept = outbox(&test.db).await;
        let topics: Vec<_> = kept.iter().map(|fired| fired.topic.as_str()).collect();
        assert_eq!(topics, ["order.counted", "order.listed"]);
        // Under their ids they are there once.
        append_in(&test.db, &events, Utc::now()).await.unwrap();
        append_in(&test.db, &[], Utc::now()).await.unwrap();
        assert_eq!(outbox(&test.db).await.len(), 2);
    }
}
