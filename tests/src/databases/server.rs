//! Databases on the servers that the tests were given.

use std::path::PathBuf;

use sea_orm::{ConnectionTrait, Database};
use uuid::Uuid;

use super::Kind;

/// A database of a test's own on a server of several.
pub(super) struct ServerDatabase {
    pub(super) kind: Kind,
    server: String,
    name: String,
}

impl ServerDatabase {
    pub(super) async fn create(kind: Kind) -> Self {
        let database = Self {
            kind,
            server: server_url(kind),
            name: format!("t_{}", Uuid::new_v4().simple()),
        };
        let Self { name, .. } = &database;
        let created = match kind {
            // Another collation than the library's own tables have: comparisons must not depend on it.
            Kind::MariaDb => format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"),
            _ => format!("CREATE DATABASE {name}"),
        };
        database.on_server(&created).await;
        database
    }

    pub(super) fn url(&self) -> String {
        let (base, _) = self
            .server
            .rsplit_once('/')
            .expect("a server's URL ends in /database");
        format!("{base}/{}", self.name)
    }

    pub(super) async fn drop_database(&self) {
        let force = match self.kind {
            Kind::Postgres => " WITH (FORCE)",
            _ => "",
        };
        self.on_server(&format!("DROP DATABASE {}{force}", self.name))
            .await;
    }

    async fn on_server(&self, sql: &str) {
        let admin = Database::connect(&self.server).await.unwrap();
        admin.execute_unprepared(sql).await.unwrap();
        admin.close().await.unwrap();
    }
}

/// The PostgreSQL server of the tests.
pub fn postgres_url() -> String {
    server_url(Kind::Postgres)
}

/// The server of the tests: from the environment, or as `cargo xtask services up` wrote it down.
fn server_url(kind: Kind) -> String {
    let key = match kind {
        Kind::MariaDb => "CELERYSALT_TEST_MARIADB_URL",
        _ => "CELERYSALT_TEST_POSTGRES_URL",
    };
    if let Ok(url) = std::env::var(key) {
        return url;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/services/env");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {kind}: set {key}, or run `cargo xtask services up`"))
        .trim_matches('"')
        .to_owned()
}
