// Included by the tests of examples that run on PostgreSQL, too: a schema there for one test.

/// A fresh schema on the PostgreSQL server of the tests; gone with `end`.
struct Schema {
    db: sea_orm::DatabaseConnection,
    name: String,
}

impl Schema {
    async fn new() -> Self {
        let db = sea_orm::Database::connect(server()).await.unwrap();
        let name = format!("example_{}", uuid::Uuid::new_v4().simple());
        let schema = Self { db, name };
        schema.run("CREATE SCHEMA", "").await;
        schema
    }

    /// What a program is given to work in it.
    fn url(&self) -> String {
        let server = server();
        let and = if server.contains('?') { '&' } else { '?' };
        format!("{server}{and}options=-csearch_path%3D{}", self.name)
    }

    async fn end(self) {
        self.run("DROP SCHEMA", "CASCADE").await;
    }

    async fn run(&self, before: &str, after: &str) {
        let sql = format!("{before} {} {after}", self.name);
        sea_orm::ConnectionTrait::execute_unprepared(&self.db, &sql).await.unwrap();
    }
}

/// From the environment, or as `cargo xtask services up` wrote it down.
fn server() -> String {
    const NAME: &str = "CELERYSALT_TEST_POSTGRES_URL";
    if let Ok(url) = std::env::var(NAME) {
        return url;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services/env");
    let services = std::fs::read_to_string(file).unwrap_or_default();
    let line = services.lines().find_map(|line| line.strip_prefix(NAME)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no PostgreSQL: set {NAME}, or run `cargo xtask services up`"))
        .trim_matches('"')
        .to_owned()
}
