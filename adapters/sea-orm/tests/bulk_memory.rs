//! A bulk save holds a chunk in memory, however many rows there are. Alone in its process: it watches the allocator.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt_sea_orm::{FollowMany, Rules};
use peak_alloc::PeakAlloc;
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use support::models::{deleted, paid};
use support::order::{self, Entity as Order};
use support::{TestDb, count, is_postgres};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const FEW: usize = 1_000;
const MANY: usize = 10_000;
const CHUNK: usize = 250;

#[tokio::test]
async fn ten_thousand_rows_take_no_more_memory_than_one_thousand() {
    for test in [
        TestDb::sqlite().await,
        TestDb::postgres().await,
        TestDb::mariadb().await,
    ] {
        // What is allocated once (prepared statements, compiled rules) is not the rows'.
        update_and_delete(&test.db, FEW).await;
        let few = update_and_delete(&test.db, FEW).await;
        let many = update_and_delete(&test.db, MANY).await;
        let backend = test.db.get_database_backend();
        println!(
            "{backend:?}: peak of {FEW} rows {few} KiB, of {MANY} rows {many} KiB, in chunks of {CHUNK}"
        );
        assert!(
            many < few * 3 / 2,
            "{backend:?}: {few} KiB, then {many} KiB"
        );
        test.end().await;
    }
}

/// The most memory that the bulk saves had at once, in KiB, beyond what was there before.
async fn update_and_delete(db: &DatabaseConnection, rows: usize) -> usize {
    fill(db, rows).await;
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let pay = Order::follow_update_many().col_expr(order::Column::Status, Expr::value("paid"));
    let own = db.begin().await.unwrap();
    let paid = pay.chunk_size(CHUNK).exec(&own).await.unwrap();
    let gone = Order::follow_delete_many()
        .chunk_size(CHUNK)
        .exec(&own)
        .await;
    let gone = gone.unwrap();
    own.commit().await.unwrap();
    let peak = MEMORY.peak_usage() - before;
    assert_eq!(
        (paid.rows_affected, paid.events),
        (rows as u64, rows as u64)
    );
    assert_eq!(
        (gone.rows_affected, gone.events),
        (rows as u64, rows as u64)
    );
    assert_eq!(count(db, "celerysalt_outbox").await, 2 * rows as i64);
    db.execute_unprepared("DELETE FROM celerysalt_outbox")
        .await
        .unwrap();
    peak / 1024
}

/// Rows that the database makes, each with a one-time rule and one for its end.
async fn fill(db: &DatabaseConnection, rows: usize) {
    let rules = Rules::from(vec![paid(), deleted()])
        .to_json()
        .replace('\'', "''");
    let cast = if is_postgres(db) { "::jsonb" } else { "" };
    let digit: Vec<_> = (0..10).map(|n| format!("SELECT {n} AS n")).collect();
    let digits = digit.join(" UNION ALL ");
    let sql = format!(
        "INSERT INTO orders (number, state, amount, on_change_rules)
         WITH d AS ({digits}), n AS (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * e.n AS n FROM d a, d b, d c, d e)
         SELECT concat('', n), 'new', 1, '{rules}'{cast} FROM n WHERE n < {rows}"
    );
    db.execute_unprepared(&sql).await.unwrap();
}
