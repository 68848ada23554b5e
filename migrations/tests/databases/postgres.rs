//! Databases on a PostgreSQL server.

use celerysalt_migrations::{Dialect, sqlx::migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use super::server;

const VARIABLE: &str = "CELERYSALT_TEST_POSTGRES_URL";

/// A database of its own on the test server, dropped by `close`.
pub struct Postgres {
    pub pool: PgPool,
    pub url: String,
    server: PgPool,
    name: String,
}

impl Postgres {
    pub async fn fresh() -> Self {
        let this = Self::empty().await;
        migrator(Dialect::Postgres).run(&this.pool).await.unwrap();
        this
    }

    pub async fn empty() -> Self {
        let address = server::url(VARIABLE);
        let server = PgPoolOptions::new().max_connections(1);
        let server = server.connect(&address).await.unwrap();
        let name = server::unique_name();
        run(&server, format!("CREATE DATABASE {name}")).await;
        let url = server::of_database(&address, &name);
        let pool = PgPoolOptions::new().max_connections(8);
        let pool = pool.connect(&url).await.unwrap();
        Self {
            pool,
            url,
            server,
            name,
        }
    }

    /// Cuts all connections and lets nobody in while `during` runs.
    pub async fn outage(&self, during: impl Future<Output = ()>) {
        let allow = |yes: bool| format!("ALTER DATABASE {} ALLOW_CONNECTIONS {yes}", self.name);
        run(&self.server, allow(false)).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '";
        run(&self.server, format!("{cut}{}'", self.name)).await;
        during.await;
        run(&self.server, allow(true)).await;
    }

    pub async fn close(self) {
        self.pool.close().await;
        run(
            &self.server,
            format!("DROP DATABASE {} WITH (FORCE)", self.name),
        )
        .await;
    }
}

pub async fn run(pool: &PgPool, sql: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await;
    done.unwrap();
}
