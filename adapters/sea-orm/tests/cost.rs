//! Which statements a save sends.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt_sea_orm::FollowSave;
use sea_orm::{ActiveModelTrait, TransactionTrait};
use support::models::paid;
use support::paths::{only_status, stored_order};
use support::statements::{take, watched};
use support::{PATHS, Path, is_mysql, is_postgres, is_sqlite};

on_each! {
    async fn a_row_without_rules_costs_the_read_of_its_old_state(test: &TestDb) {
        let (db, sent) = watched(test).await;
        let order = stored_order(&test.db, "plain", vec![]).await;
        let update = if is_postgres(&db) { &["UPDATE orders"][..] } else { &["UPDATE orders", "SELECT orders"] };
        for path in PATHS {
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
        let expected: &[&str] = if is_postgres(&db) {
            &["SELECT orders", "UPDATE orders"]
        } else if is_mysql(&db) {
            &["SELECT orders", "UPDATE orders", "SELECT orders"]
        } else {
            &["UPDATE celerysalt_outbox", "SELECT orders", "UPDATE orders", "SELECT orders"]
        };
        assert_eq!(take(&sent), expected);
    }

    async fn a_save_that_fires_adds_one_insert_for_all_its_events(test: &TestDb) {
        let (db, sent) = watched(test).await;
        let order = stored_order(&test.db, "fires", vec![paid(), paid(), paid()]).await;
        only_status(order.id, "paid").update_and_follow(&db).await.unwrap();
        let expected: &[&str] = if is_postgres(&db) {
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
            let expected: &[&str] = if is_postgres(&db) {
                &["INSERT orders"]
            } else {
                &["INSERT orders", "SELECT orders"]
            };
            assert_eq!(take(&sent), expected, "{path:?}");
        }
    }
}
