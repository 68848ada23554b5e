//! What transactions do to each other: what one has read before, deadlocks, waits that end.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt_sea_orm::{FollowMany, FollowSave};
use order::Entity as Order;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, RuntimeErr, TransactionTrait,
};
use support::models::{created, deleted, paid};
use support::paths::{IN_TRANSACTION, new_order, only_status, reload, stored_order, with_status};
use support::{PATHS, Path, count, is_mysql, is_postgres, is_sqlite, order, outbox};

on_each! {
    async fn what_a_transaction_has_read_before_is_not_the_old_row(test: &TestDb) {
        if is_sqlite(&test.db) {
            return; // A transaction that has read before another one wrote may not write any more.
        }
        for (path, other) in pairs() {
            let before = outbox(&test.db).await.len();
            let number = format!("{path:?} {other:?}");
            let order = stored_order(&test.db, &number, vec![paid().persistent()]).await;
            let late = stored_order(&test.db, &format!("late {number}"), vec![]).await;

            let own = test.db.begin().await.unwrap();
            assert_eq!(reload(&own, order.id).await.status, "new");
            other.update(&test.db, with_status(&order, "paid")).await.unwrap();
            let mut attach = late.clone();
            attach.on_change_rules.push(paid());
            other.update(&test.db, sea_orm::IntoActiveModel::into_active_model(attach)).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{number}");

            // Paid already, whatever this transaction has seen; and a rule that it has not seen fires.
            path.update_in(&own, only_status(order.id, "paid")).await.unwrap();
            path.update_in(&own, only_status(late.id, "paid")).await.unwrap();
            own.commit().await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 2, "{number}");
            assert!(reload(&test.db, late.id).await.on_change_rules.is_empty(), "{number}");
        }
    }

    async fn a_row_that_another_has_deleted_meanwhile_fires_nothing(test: &TestDb) {
        if is_sqlite(&test.db) {
            return;
        }
        for (path, other) in pairs() {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?} {other:?}"), vec![paid(), deleted()]).await;
            let own = test.db.begin().await.unwrap();
            reload(&own, order.id).await;
            assert_eq!(other.delete(&test.db, order.clone()).await.unwrap(), 1);
            let gone = path.update_in(&own, with_status(&order, "paid")).await.unwrap_err();
            assert_eq!(gone, DbErr::RecordNotUpdated, "{path:?}");
            assert_eq!(path.delete_in(&own, order).await.unwrap(), 0, "{path:?}");
            own.commit().await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
        }
    }

    async fn a_deadlock_is_the_databases_own_error_and_fires_nothing(test: &TestDb) {
        if is_sqlite(&test.db) {
            return; // One writer at a time.
        }
        for path in IN_TRANSACTION {
            let before = outbox(&test.db).await.len();
            let first = stored_order(&test.db, &format!("first {path:?}"), vec![paid()]).await;
            let second = stored_order(&test.db, &format!("second {path:?}"), vec![paid()]).await;
            let (a, b) = (test.db.begin().await.unwrap(), test.db.begin().await.unwrap());
            path.update_in(&a, only_status(first.id, "paid")).await.unwrap();
            path.update_in(&b, only_status(second.id, "paid")).await.unwrap();
            let errors = tokio::join!(
                cross(path, a, only_status(second.id, "shipped")),
                cross(path, b, only_status(first.id, "shipped")),
            );
            let ((Some(error), None) | (None, Some(error))) = &errors else {
                panic!("{path:?}: one of them must lose: {errors:?}");
            };
            let deadlock = if is_mysql(&test.db) { "40001" } else { "40P01" };
            assert_eq!(code(error).as_deref(), Some(deadlock), "{path:?}: {error}");
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");

            // Tried again as a whole, it fires.
            let unpaid = if reload(&test.db, first.id).await.on_change_rules.is_empty() { second } else { first };
            let again = test.db.begin().await.unwrap();
            path.update_in(&again, only_status(unpaid.id, "paid")).await.unwrap();
            again.commit().await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 2, "{path:?}");
        }
    }

    async fn a_save_that_waits_in_vain_for_sqlites_writer_is_the_databases_own_error_and_fires_nothing(test: &TestDb) {
        if !is_sqlite(&test.db) {
            return;
        }
        let order = stored_order(&test.db, "1", vec![paid()]).await;
        let (writer, other) = (test.db.begin().await.unwrap(), test.another().await);
        only_status(order.id, "shipped").update_and_follow(&writer).await.unwrap();
        for path in IN_TRANSACTION {
            let own = other.begin().await.unwrap();
            own.execute_unprepared("PRAGMA busy_timeout = 0").await.unwrap();
            let error = path.update_in(&own, only_status(order.id, "paid")).await.unwrap_err();
            assert_eq!(code(&error).as_deref(), Some("5"), "{path:?}: {error}");
            own.rollback().await.unwrap();
        }
        writer.rollback().await.unwrap();
        assert_eq!((outbox(&test.db).await.len(), reload(&test.db, order.id).await), (0, order.clone()));
        only_status(order.id, "paid").update_and_follow(&other).await.unwrap();
        assert_eq!(outbox(&test.db).await.len(), 1);
    }

    async fn a_transaction_that_the_database_has_ended_takes_no_save(test: &TestDb) {
        if !is_mysql(&test.db) {
            return; // The others refuse every statement until it is rolled back, or have no deadlocks.
        }
        for path in [Path::Savepoint, Path::Transaction] {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid(), deleted()]).await;
            let new = new_order(&format!("new {path:?}"), vec![created()]);
            let own = test.db.begin().await.unwrap();
            path.insert_in(&own, new.clone()).await.unwrap();
            // As a deadlock does, of which the caller takes no notice.
            own.execute_unprepared("ROLLBACK").await.unwrap();
            let refused = [
                path.insert_in(&own, new).await.unwrap_err(),
                path.update_in(&own, only_status(order.id, "paid")).await.unwrap_err(),
                path.delete_in(&own, order.clone()).await.unwrap_err(),
                Order::follow_delete_many().exec(&own).await.unwrap_err(),
            ];
            for error in refused {
                assert!(error.to_string().contains("roll it back and begin it anew"), "{path:?}: {error}");
            }
            own.rollback().await.unwrap();
            assert_eq!(reload(&test.db, order.id).await, order, "{path:?}");
            assert_eq!((count(&test.db, "orders").await, outbox(&test.db).await.len()), (1, 0), "{path:?}");
            // The connection is as good as before.
            let again = test.db.begin().await.unwrap();
            path.delete_in(&again, order).await.unwrap();
            again.rollback().await.unwrap();
            Order::delete_many().exec(&test.db).await.unwrap();
        }
    }

    async fn a_wait_for_a_lock_that_ends_leaves_what_the_database_leaves(test: &TestDb) {
        if is_sqlite(&test.db) {
            return;
        }
        for path in IN_TRANSACTION {
            let before = outbox(&test.db).await.len();
            let held = stored_order(&test.db, &format!("held {path:?}"), vec![paid()]).await;
            let free = stored_order(&test.db, &format!("free {path:?}"), vec![paid()]).await;
            let holder = test.db.begin().await.unwrap();
            path.update_in(&holder, only_status(held.id, "shipped")).await.unwrap();

            let own = test.db.begin().await.unwrap();
            wait_briefly(&own).await;
            let error = path.update_in(&own, only_status(held.id, "paid")).await.unwrap_err();
            if is_postgres(&test.db) {
                assert_eq!(code(&error).as_deref(), Some("55P03"), "{path:?}: {error}");
                own.rollback().await.unwrap(); // PostgreSQL allows nothing else.
            } else {
                assert!(error.to_string().contains("1205"), "{path:?}: {error}");
                // Only the statement is rolled back; the transaction may go on.
                path.update_in(&own, only_status(free.id, "paid")).await.unwrap();
                own.commit().await.unwrap();
            }
            holder.rollback().await.unwrap();
            let fired = usize::from(is_mysql(&test.db));
            assert_eq!(outbox(&test.db).await.len(), before + fired, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
        }
    }
}

/// Each way to save inside of a transaction, beside each way of another.
fn pairs() -> impl Iterator<Item = (Path, Path)> {
    IN_TRANSACTION
        .into_iter()
        .flat_map(|path| PATHS.map(|other| (path, other)))
}

/// Saves and commits, or rolls back for an error.
async fn cross(path: Path, own: DatabaseTransaction, model: order::ActiveModel) -> Option<DbErr> {
    let saved = path.update_in(&own, model).await;
    match &saved {
        Ok(_) => own.commit().await.unwrap(),
        Err(_) => own.rollback().await.unwrap(),
    }
    saved.err()
}

/// SQLSTATE.
fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return None;
    };
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

async fn wait_briefly(own: &DatabaseTransaction) {
    let sql = match is_postgres(own) {
        true => "SET LOCAL lock_timeout = '200ms'",
        false => "SET SESSION innodb_lock_wait_timeout = 1",
    };
    own.execute_unprepared(sql).await.unwrap();
}
