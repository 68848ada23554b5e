//! Async saves on connections of pools, and of tasks.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(feature = "async-bb8", feature = "async-deadpool"))]
#![cfg(all(
    feature = "async-sqlite",
    feature = "async-postgres",
    feature = "async-mysql"
))]
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod support;

use celerysalt_diesel::asynchronous::{FollowConnection, FollowSave, FollowUpdate};
use diesel::connection::SimpleConnection;
use diesel::sqlite::Sqlite;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, bb8, deadpool};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use support::async_sqlite::{Order, RUNTIME, TestDb, only_status, outbox, paid, stored, topics};

type Inner = SyncConnectionWrapper<diesel::SqliteConnection>;

fn manager(test: &TestDb) -> AsyncDieselConnectionManager<Inner> {
    AsyncDieselConnectionManager::new(test.name())
}

/// A changeset and a model, in a transaction and alone.
async fn saves<C>(order: Order, mut conn: C)
where
    C: FollowConnection<Backend = Sqlite>,
{
    let paid = conn
        .transaction(async |conn| only_status("paid").update_and_follow(order.id, conn).await)
        .await
        .unwrap();
    let new = Order {
        status: "new".into(),
        ..paid
    };
    new.update_and_follow(&mut conn).await.unwrap();
}

#[test]
fn a_pooled_connection_saves_like_any_other() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let orders = ["1", "2"].map(|number| stored(conn, number, vec![paid()]));
    let [first, second] = orders;
    RUNTIME.block_on(async {
        let pool = bb8::Pool::builder()
            .max_size(1)
            .build(manager(&test))
            .await
            .unwrap();
        saves(first, pool.get().await.unwrap()).await;
        let pool = deadpool::Pool::builder(manager(&test))
            .max_size(1)
            .build()
            .unwrap();
        saves(second, pool.get().await.unwrap()).await;
    });
    assert_eq!(topics(conn), ["order.paid", "order.paid"]);
}

#[test]
fn a_pool_throws_a_connection_away_whose_save_was_dropped() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let pool = bb8::Pool::builder().max_size(1).build(manager(&test));
    let pool = RUNTIME.block_on(pool).unwrap();
    let taken = || async {
        let mut pooled = pool.get().await.unwrap();
        wait_for_locks(&mut pooled).await;
        pooled
    };
    let mut pooled = RUNTIME.block_on(taken());
    // Another writes, so that the save waits at its first statement.
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    let mut save = Box::pin(only_status("paid").update_and_follow(order.id, &mut pooled));
    let polled = RUNTIME.block_on(polled_once(save.as_mut()));
    assert!(polled.is_pending());
    conn.batch_execute("ROLLBACK").unwrap();
    drop(save);
    drop(pooled);
    RUNTIME.block_on(async {
        let mut pooled = taken().await;
        let save = only_status("paid").update_and_follow(order.id, &mut pooled);
        save.await.unwrap();
    });
    assert_eq!(outbox(conn).len(), 1);
}

/// Lets a connection wait until the write lock is free.
async fn wait_for_locks(conn: &mut impl diesel_async::SimpleAsyncConnection) {
    let timeout = "PRAGMA busy_timeout = 60000";
    conn.batch_execute(timeout).await.unwrap();
}

/// Polls once.
async fn polled_once<F: Future + Unpin>(mut future: F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut future).poll(context))
    })
    .await
}

#[test]
fn a_task_saves_and_moves_between_threads() {
    let test = TestDb::new();
    let mut conn = test.connect();
    let order = stored(&mut conn, "1", vec![paid()]);
    let inner = conn.into_inner();
    RUNTIME.block_on(async {
        let task = RUNTIME.spawn(async move {
            let mut conn = inner;
            Order {
                status: "paid".into(),
                ..order
            }
            .update_and_follow(&mut conn)
            .await
        });
        task.await.unwrap().unwrap();
    });
    assert_eq!(topics(&mut test.connect()), ["order.paid"]);
}
