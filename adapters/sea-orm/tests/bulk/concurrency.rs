//! Bulk saves beside other savers of the same rows.

use std::time::{Duration, Instant};

use celerysalt::rules::Rule;
use celerysalt_sea_orm::FollowMany;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, QueryFilter, Statement, TransactionTrait,
};
use sea_orm::{ActiveValue::Set, ConnectionTrait};
use serde_json::json;
use tokio::task::JoinSet;

use super::{all, stored_orders};
use crate::on_each;
use crate::support::models::{OrderPaid, paid};
use crate::support::order::{self, Entity as Order};
use crate::support::paths::only_status;
use crate::support::{self, PATHS, is_postgres, outbox};

const ROWS: usize = 24;

on_each! {
    async fn bulk_and_single_savers_of_the_same_rows_fire_each_transition_once(test: &TestDb) {
        for rule in [paid(), paid().persistent()] {
            let before = outbox(&test.db).await.len();
            Order::follow_delete_many().exec(&test.db).await.unwrap();
            let orders = stored_orders(&test.db, ROWS, std::slice::from_ref(&rule)).await;
            let mut savers = JoinSet::new();
            for n in 0..4 {
                let db = test.db.clone();
                savers.spawn(async move {
                    let pay = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid"));
                    pay.chunk_size(3 + n).exec(&db).await.map(drop).unwrap();
                });
            }
            for (n, order) in orders.iter().rev().enumerate() {
                let (db, id) = (test.db.clone(), order.id);
                savers.spawn(async move {
                    PATHS[n % PATHS.len()].update(&db, only_status(id, "paid")).await.map(drop).unwrap();
                });
            }
            savers.join_all().await;
            let mut fired: Vec<_> = outbox(&test.db).await.split_off(before).into_iter().map(|event| event.aggregate).collect();
            assert_eq!(fired.len(), ROWS, "{}", rule.persist);
            fired.sort();
            fired.dedup();
            assert_eq!(fired.len(), ROWS, "{}", rule.persist);
        }
    }

    async fn a_row_is_judged_as_its_lock_finds_it(test: &TestDb) {
        let was = Rule::when(order::Model::STATUS).eql("paid")
            .emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ old.amount }}"}));
        let orders = stored_orders(&test.db, 3, &[was]).await;
        // Another has changed two rows and not committed yet: one no longer fits the filter, one only looks different.
        let other = test.db.begin().await.unwrap();
        only_status(orders[0].id, "cancelled").update(&other).await.unwrap();
        let mut changed = only_status(orders[1].id, "new");
        changed.amount = Set(99.into());
        changed.update(&other).await.unwrap();

        let db = test.db.clone();
        let bulk = tokio::spawn(async move {
            let pay = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid"));
            pay.filter(order::Column::Status.eq("new")).exec(&db).await.unwrap()
        });
        if is_postgres(&test.db) {
            wait_for_a_lock(&test.db).await;
        }
        other.commit().await.unwrap();
        let done = bulk.await.unwrap();
        assert_eq!((done.rows_affected, done.events), (2, 2));
        let statuses: Vec<_> = all(&test.db).await.into_iter().map(|order| order.status).collect();
        assert_eq!(statuses, ["cancelled", "paid", "paid"]);
        let event: OrderPaid = serde_json::from_value(outbox(&test.db).await[0].payload.clone()).unwrap();
        assert_eq!(event.amount.normalize(), 99.into());
    }
}

/// Until somebody waits for a lock on the orders of this test.
async fn wait_for_a_lock(db: &DatabaseConnection) {
    let sql = "SELECT 1 AS waits FROM pg_locks WHERE NOT granted AND transactionid IN
               (SELECT transactionid FROM pg_locks l WHERE l.granted AND l.transactionid IS NOT NULL AND l.pid IN
                (SELECT pid FROM pg_locks r WHERE r.relation = 'orders'::regclass))";
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let waiting = Statement::from_string(db.get_database_backend(), sql);
        if db.query_one_raw(waiting).await.unwrap().is_some() {
            return;
        }
        assert!(
            Instant::now() < until,
            "the bulk save does not wait for the row's lock"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
