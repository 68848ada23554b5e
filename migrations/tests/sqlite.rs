//! What only SQLite needs: it has no types, so checks stand in for them.
#![cfg(feature = "sqlx")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod databases;

use databases::sqlite::Sqlite;

#[tokio::test]
async fn a_writer_with_another_time_format_is_refused_at_once() {
    let database = Sqlite::fresh().await;
    let insert = |at: &'static str| {
        sqlx::query(
            "INSERT INTO celerysalt_outbox (id, topic, payload, meta, created_at, available_at)
             VALUES ('01980c2e-0000-7000-8000-000000000001', 't', '{}', '{}', ?1, ?1)",
        )
        .bind(at)
        .execute(&database.pool)
    };
    assert!(insert("2026-01-01 00:00:00+00:00").await.is_err());
    assert!(insert("2026-01-01T00:00:00.000000Z").await.is_ok());
}
