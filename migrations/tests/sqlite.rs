//! Every way to migrate, on SQLite in memory: up, up again, down, down again, and all ways end alike.
#![cfg(all(feature = "sqlx", feature = "sea-orm"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use celerysalt_migrations::{Dialect, down_sql, sea_orm as for_sea_orm, sqlx as for_sqlx, up_sql};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

async fn fresh() -> SqlitePool {
    // One connection: each connection to `:memory:` is a database of its own.
    let options = SqlitePoolOptions::new().max_connections(1);
    options.connect("sqlite::memory:").await.unwrap()
}

/// What the database consists of, without the migrator's own table.
async fn schema(pool: &SqlitePool) -> Vec<(String, Option<String>)> {
    sqlx::query_as(
        "SELECT name, sql FROM sqlite_master
         WHERE name NOT LIKE '%celerysalt_migrations%' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn with_plain_sql() -> Vec<(String, Option<String>)> {
    let pool = fresh().await;
    run(&pool, up_sql(Dialect::Sqlite)).await;
    schema(&pool).await
}

async fn run(pool: &SqlitePool, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn plain_sql_up_and_down_twice() {
    let pool = fresh().await;
    run(&pool, up_sql(Dialect::Sqlite)).await;
    let once = schema(&pool).await;
    assert!(once.iter().any(|(name, _)| name == "celerysalt_outbox"));
    run(&pool, up_sql(Dialect::Sqlite)).await;
    assert_eq!(schema(&pool).await, once);
    run(&pool, down_sql(Dialect::Sqlite)).await;
    assert_eq!(schema(&pool).await, []);
    run(&pool, down_sql(Dialect::Sqlite)).await;
}

#[tokio::test]
async fn sqlx_beside_the_users_own_migrator() {
    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType, Migrator};

    let pool = fresh().await;
    let own = Migrator::with_migrations(vec![Migration::new(
        1,
        "mine".into(),
        MigrationType::Simple,
        "CREATE TABLE mine (id INTEGER)".into_sql_str(),
        false,
    )]);
    let ours = for_sqlx::migrator(Dialect::Sqlite);
    for _ in 0..2 {
        own.run(&pool).await.unwrap();
        ours.run(&pool).await.unwrap();
    }
    run(&pool, "DROP TABLE mine; DROP TABLE _sqlx_migrations".into()).await;
    assert_eq!(schema(&pool).await, with_plain_sql().await);
    ours.undo(&pool, 0).await.unwrap();
    assert_eq!(schema(&pool).await, []);
    ours.run(&pool).await.unwrap();
    assert_eq!(schema(&pool).await, with_plain_sql().await);
}

#[tokio::test]
async fn sea_orm_up_and_down_twice() {
    let pool = fresh().await;
    let db = sea_orm::SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone());
    for_sea_orm::up(&db).await.unwrap();
    for_sea_orm::up(&db).await.unwrap();
    assert_eq!(schema(&pool).await, with_plain_sql().await);
    for_sea_orm::down(&db).await.unwrap();
    for_sea_orm::down(&db).await.unwrap();
    assert_eq!(schema(&pool).await, []);
}

#[tokio::test]
async fn a_writer_with_another_time_format_is_refused_at_once() {
    let pool = fresh().await;
    run(&pool, up_sql(Dialect::Sqlite)).await;
    let insert = |at: &'static str| {
        sqlx::query(
            "INSERT INTO celerysalt_outbox (id, topic, payload, meta, created_at, available_at)
             VALUES ('01980c2e-0000-7000-8000-000000000001', 't', '{}', '{}', ?1, ?1)",
        )
        .bind(at)
        .execute(&pool)
    };
    assert!(insert("2026-01-01 00:00:00+00:00").await.is_err());
    assert!(insert("2026-01-01T00:00:00.000000Z").await.is_ok());
}
