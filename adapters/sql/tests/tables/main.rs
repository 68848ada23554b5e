//! Rules, history and inbox, on every database.
#![cfg(all(feature = "mysql", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../../migrations/tests/databases/mod.rs"]
mod databases;
mod history;
mod inbox;
mod rules;

/// Makes a test of each case on each database.
macro_rules! on_every_database {
    ($($case:ident),* $(,)?) => {
        mod mysql {
            crate::on_every_database!(in crate::databases::mysql::Mysql: $($case),*);
        }
        mod postgres {
            crate::on_every_database!(in crate::databases::postgres::Postgres: $($case),*);
        }
        mod sqlite {
            crate::on_every_database!(in crate::databases::sqlite::Sqlite: $($case),*);
        }
    };
    (in $database:ty: $($case:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let database = <$database>::fresh().await;
            super::$case(&database.pool).await;
            database.close().await;
        }
    )*};
}
pub(crate) use on_every_database;

/// A database by the type of its pool, for cases that are the same on all of them.
pub(crate) trait Case: celerysalt_sql::Driver {
    async fn run(pool: &sqlx::Pool<Self>, sql: &str);
    async fn count(pool: &sqlx::Pool<Self>, table: &str) -> i64;
    fn run_in(
        connection: &mut Self::Connection,
        sql: &'static str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

macro_rules! case {
    ($database:ty) => {
        impl Case for $database {
            async fn run(pool: &sqlx::Pool<Self>, sql: &str) {
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                sqlx::raw_sql(sql).execute(pool).await.unwrap();
            }

            async fn count(pool: &sqlx::Pool<Self>, table: &str) -> i64 {
                let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
                sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
            }

            async fn run_in(
                connection: &mut Self::Connection,
                sql: &'static str,
            ) -> sqlx::Result<()> {
                sqlx::query(sql).execute(connection).await.map(drop)
            }
        }
    };
}

case!(sqlx::MySql);
case!(sqlx::Postgres);
case!(sqlx::Sqlite);
