//! Databases on a PostgreSQL server.

use std::path::PathBuf;

use celerysalt_migrations::{Dialect, sqlx::migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};

const VARIABLE: &str = "CELERYSALT_TEST_POSTGRES_URL";

/// A database of its own on the test server, dropped by `close`.
pub struct Postgres {
    pub pool: PgPool,
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
        let options: PgConnectOptions = server_url().parse().unwrap();
        let server = PgPoolOptions::new().max_connections(1);
        let server = server.connect_with(options.clone()).await.unwrap();
        let name = format!("celerysalt_test_{}", uuid::Uuid::new_v4().simple());
        run(&server, format!("CREATE DATABASE {name}")).await;
        let pool = PgPoolOptions::new().max_connections(8);
        let pool = pool.connect_with(options.database(&name)).await.unwrap();
        Self { pool, server, name }
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

/// From the environment, else from what `cargo xtask services up` wrote.
fn server_url() -> String {
    if let Ok(url) = std::env::var(VARIABLE) {
        return url;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/services/env");
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let line = lines.lines().find_map(|line| {
        let (name, url) = line.split_once('=')?;
        (name.trim() == VARIABLE).then(|| url.trim().to_owned())
    });
    line.unwrap_or_else(|| {
        panic!("no PostgreSQL for tests: run `cargo xtask test`, or set {VARIABLE}")
    })
}
