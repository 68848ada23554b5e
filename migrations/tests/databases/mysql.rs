//! Databases on a MariaDB or MySQL server.

use celerysalt_migrations::{Dialect, sqlx::migrator};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, MySqlPool};

use super::server;

const VARIABLE: &str = "CELERYSALT_TEST_MARIADB_URL";

/// A database of its own on the test server, dropped by `close`.
pub struct Mysql {
    pub pool: MySqlPool,
    pub url: String,
    server: MySqlPool,
    name: String,
}

impl Mysql {
    pub async fn fresh() -> Self {
        let this = Self::empty().await;
        migrator(Dialect::Mysql).run(&this.pool).await.unwrap();
        this
    }

    pub async fn empty() -> Self {
        let address = server::url(VARIABLE);
        let server = MySqlPoolOptions::new().max_connections(1);
        let server = server.connect(&address).await.unwrap();
        let name = server::unique_name();
        run(&server, format!("CREATE DATABASE {name}")).await;
        let url = server::of_database(&address, &name);
        let pool = MySqlPoolOptions::new().max_connections(8);
        let pool = pool.connect(&url).await.unwrap();
        Self {
            pool,
            url,
            server,
            name,
        }
    }

    pub async fn close(self) {
        self.pool.close().await;
        run(&self.server, format!("DROP DATABASE {}", self.name)).await;
    }
}

pub async fn run(pool: &MySqlPool, sql: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await;
    done.unwrap();
}
