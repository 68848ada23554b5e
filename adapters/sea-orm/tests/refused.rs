//! Plain deletes on a pool that the database refuses: what deletes the row later tells it as it then is.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;

use celerysalt::clock;
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use celerysalt_sea_orm::{FollowMany, recover};
use chrono::{TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait, QueryFilter};
use support::models::{deleted, deleted_as};
use support::paths::{only_status, reload, stored_order};
use support::{PATHS, Path, TestDb, count, order, outbox};

/// What happens to the row between the refused delete and the one that succeeds.
#[derive(Debug, Clone, Copy)]
enum Update {
    By(Path),
    Bulk,
    /// Past all hooks: nobody knows of it.
    Past,
}

#[derive(Debug, Clone, Copy)]
enum Delete {
    By(Path),
    Bulk,
}

on_each! {
    async fn a_refused_delete_leaves_nothing_that_tells_what_the_row_was(test: &TestDb) {
        each(test, &deleted(), &["changed"]).await;
    }

    async fn a_refused_delete_leaves_nothing_of_a_rule_that_holds_no_more(test: &TestDb) {
        each(test, &deleted_as("new"), &[]).await;
    }

    async fn a_refused_delete_hides_no_rule_that_holds_by_now(test: &TestDb) {
        each(test, &deleted_as("changed"), &["changed"]).await;
    }

    async fn two_refused_deletes_of_a_row_that_changes_between_them(test: &TestDb) {
        holds(test).await;
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = held(test, &format!("{path:?}"), vec![deleted()]).await;
            order.clone().delete(&test.db).await.unwrap_err();
            Update::Past.run(test, order.id).await;
            order.clone().delete(&test.db).await.unwrap_err();
            release(test, order.id).await;
            assert_eq!(path.delete(&test.db, order).await.unwrap(), 1);
            assert_eq!(told(test, before).await, ["changed"], "{path:?}");
        }
        nothing_left(test).await;
    }
}

/// Each way to change the row and each way to delete it, all at once after a refused delete.
async fn each(test: &TestDb, rule: &Rule, expected: &[&str]) {
    holds(test).await;
    let updates = PATHS.map(Update::By).into_iter();
    for update in updates.chain([Update::Bulk, Update::Past]) {
        let deletes = PATHS.map(Delete::By).into_iter().chain([Delete::Bulk]);
        for delete in deletes {
            let before = outbox(&test.db).await.len();
            let number = format!("{update:?} {delete:?}");
            let order = held(test, &number, vec![rule.clone()]).await;
            order.clone().delete(&test.db).await.unwrap_err();
            update.run(test, order.id).await;
            release(test, order.id).await;
            delete.run(test, order.id).await;
            assert_eq!(told(test, before).await, expected, "{number}");
        }
    }
    nothing_left(test).await;
}

impl Update {
    async fn run(self, test: &TestDb, id: i32) {
        let all = order::Entity::follow_update_many();
        let changed = || Expr::value("changed");
        match self {
            Self::By(path) => drop(
                path.update(&test.db, only_status(id, "changed"))
                    .await
                    .unwrap(),
            ),
            Self::Bulk => {
                let one = all.filter(order::Column::Id.eq(id));
                let set = one.col_expr(order::Column::Status, changed());
                assert_eq!(set.exec(&test.db).await.unwrap().rows_affected, 1);
            }
            Self::Past => {
                let past = order::Entity::update_many().filter(order::Column::Id.eq(id));
                let set = past.col_expr(order::Column::Status, changed());
                assert_eq!(set.exec(&test.db).await.unwrap().rows_affected, 1);
            }
        }
    }
}

impl Delete {
    async fn run(self, test: &TestDb, id: i32) {
        let gone = match self {
            Self::By(path) => {
                let order = reload(&test.db, id).await;
                path.delete(&test.db, order).await.unwrap()
            }
            Self::Bulk => {
                let one = order::Entity::follow_delete_many().filter(order::Column::Id.eq(id));
                one.exec(&test.db).await.unwrap().rows_affected
            }
        };
        assert_eq!(gone, 1);
    }
}

/// A table that keeps orders from being deleted.
async fn holds(test: &TestDb) {
    let table = "CREATE TABLE holds (order_id integer NOT NULL, FOREIGN KEY (order_id) REFERENCES orders (id))";
    test.db.execute_unprepared(table).await.unwrap();
}

async fn held(test: &TestDb, number: &str, rules: Vec<Rule>) -> order::Model {
    let order = stored_order(&test.db, number, rules).await;
    let hold = format!("INSERT INTO holds (order_id) VALUES ({})", order.id);
    test.db.execute_unprepared(&hold).await.unwrap();
    order
}

async fn release(test: &TestDb, id: i32) {
    let release = format!("DELETE FROM holds WHERE order_id = {id}");
    test.db.execute_unprepared(&release).await.unwrap();
}

/// The state of each order that was told to be gone.
async fn told(test: &TestDb, before: usize) -> Vec<String> {
    let events = outbox(&test.db).await.split_off(before);
    let status = |event: &support::Fired| event.payload["status"].as_str().unwrap().to_owned();
    events.iter().map(status).collect()
}

/// What told others to tell nothing ends with the claim's time.
async fn nothing_left(test: &TestDb) {
    let before = outbox(&test.db).await.len();
    let clock = TestClock::at(Utc::now() + TimeDelta::minutes(11));
    clock::scope(Arc::new(clock), recover(&test.db))
        .await
        .unwrap();
    assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    assert_eq!(outbox(&test.db).await.len(), before);
}
