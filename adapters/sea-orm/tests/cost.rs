//! Which statements a save sends. (SQLite returns what it writes where SeaORM's `sqlite-use-returning-for-3_35` is on.)
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt_sea_orm::FollowSave;
use sea_orm::{ActiveModelTrait, ConnectionTrait, TransactionTrait};
use support::models::paid;
use support::paths::{only_status, stored_order};
use support::statements::{take, watched};
use support::{PATHS, Path, is_postgres, is_sqlite};

on_each! {
    async fn a_row_without_rules_costs_the_read_of_its_old_state(test: &TestDb) {
        let (db, sent) = watched(test).await;
        let order = stored_order(&test.db, "plain", vec![]).await;
        for path in PATHS {
            // What may have no transaction is guarded but on PostgreSQL, and SeaORM reads it.
            let guarded = matches!(path, Path::Pool | Path::Wrapped) && !is_postgres(&db);
            let in_one = db.support_returning() && !guarded;
            let update = if in_one { &["UPDATE orders"][..] } else { &["UPDATE orders", "SELECT orders"] };
            path.update(&db, only_status(order.id, "paid")).await.unwrap();
            let lock = is_sqlite(&db) && !matches!(path, Path::Own | Path::Pool);
            let lock = lock.then_some("UPDATE celerysalt_outbox");
            let expected: Vec<&str> = lock.into_iter().chain(["SELECT orders"]).chain(update.iter().copied()).collect();
            assert_eq!(take(&sent), expected, "{path:?}");
        }
    }

    async fn a_row_whose_rules_do_not_fire_costs_no_more_in_a_transaction(test: &TestDb) {
        let (db, sent) = watched(test).await;
        let order = stored_order(&test.db, "ruled", vec![paid()]).await;
        let own = db.begin().await.unwrap();
        only_status(order.id, "shipped").update(&own).await.unwrap();
        own.commit().await.unwrap();
        let lock = is_sqlite(&db).then_some("UPDATE celerysalt_outbox");
        let read = (!db.support_returning()).then_some("SELECT orders");
        let expected: Vec<&str> = lock.into_iter().chain(["SELECT orders", "UPDATE orders"]).chain(read).collect();
        assert_eq!(take(&sent), expected);
    }

    async fn a_save_that_fires_adds_one_insert_for_all_its_events(test: &TestDb) {
        let (db, sent) = watched(test).await;
        let order = stored_order(&test.db, "fires", vec![paid(), paid(), paid()]).await;
        only_status(order.id, "paid").update_and_follow(&db).await.unwrap();
        let expected: &[&str] = if db.support_returning() {
            &["SELECT orders", "UPDATE orders", "INSERT celerysalt_outbox"]
        } else {
            &["SELECT orders", "UPDATE orders", "SELECT orders", "INSERT celerysalt_outbox"]
        };
        assert_eq!(take(&sent), expected);
    }

    async fn an_insert_without_rules_costs_nothing(test: &TestDb) {
        let (db, sent) = watched(test).await;
        for path in PATHS {
            let new = support::paths::new_order(&format!("{path:?}"), vec![paid()]);
            path.insert(&db, new).await.unwrap();
            let expected: &[&str] = if db.support_returning() {
                &["INSERT orders"]
            } else {
                &["INSERT orders", "SELECT orders"]
            };
            assert_eq!(take(&sent), expected, "{path:?}");
        }
    }
}
