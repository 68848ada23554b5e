//! The models on PostgreSQL.

pub type Db = diesel::pg::Pg;
pub type Conn = diesel::PgConnection;

diesel::table! {
    orders (id) {
        id -> Integer,
        number -> Text,
        state -> Text,
        amount -> BigInt,
        total -> BigInt,
        remark -> Nullable<Text>,
        on_change_rules -> Jsonb,
    }
}

diesel::table! {
    seats (hall, seat) {
        hall -> Text,
        seat -> Integer,
        guest -> Nullable<Text>,
        rules -> Json,
    }
}

const TABLES: &str = "
    CREATE TABLE orders (id serial PRIMARY KEY, number text NOT NULL UNIQUE, state text NOT NULL,
        amount bigint NOT NULL, total bigint NOT NULL GENERATED ALWAYS AS (amount * 2) STORED, remark text,
        on_change_rules jsonb NOT NULL DEFAULT '[]');
    CREATE TABLE seats (hall text NOT NULL, seat integer NOT NULL, guest text, rules json NOT NULL DEFAULT '[]',
        PRIMARY KEY (hall, seat));";

/// A fresh migrated schema, gone with the test.
pub struct TestDb {
    schema: String,
}

impl TestDb {
    pub fn new() -> Self {
        let test = Self {
            schema: format!("diesel_{}", uuid::Uuid::new_v4().simple()),
        };
        let mut conn = test.connect();
        conn.batch_execute(&format!("CREATE SCHEMA {}", test.schema))
            .unwrap();
        conn.batch_execute(&celerysalt_migrations::up_sql(
            celerysalt_migrations::Dialect::Postgres,
        ))
        .unwrap();
        conn.batch_execute(TABLES).unwrap();
        test
    }

    pub fn connect(&self) -> Conn {
        let mut conn = Conn::establish(&url()).unwrap();
        conn.batch_execute(&format!(
            "SET search_path TO {}; SET client_min_messages TO error",
            self.schema
        ))
        .unwrap();
        conn
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let mut conn = self.connect();
        let dropped = conn.batch_execute(&format!("DROP SCHEMA {} CASCADE", self.schema));
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

/// The server of the tests: from the environment, or as `cargo xtask services up` wrote it down.
fn url() -> String {
    const NAME: &str = "CELERYSALT_TEST_POSTGRES_URL";
    if let Ok(url) = std::env::var(NAME) {
        return url;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services/env");
    let services = std::fs::read_to_string(file).unwrap_or_default();
    let line = services
        .lines()
        .find_map(|line| line.strip_prefix(NAME)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no PostgreSQL: set {NAME}, or run `cargo xtask services up`"))
        .trim_matches('"')
        .to_owned()
}

/// A transaction as the caller begins it.
pub fn transaction<R>(
    conn: &mut Conn,
    run: impl FnOnce(&mut Conn) -> Result<R, celerysalt_diesel::Error>,
) -> Result<R, celerysalt_diesel::Error> {
    conn.transaction(run)
}

pub const IS_POSTGRES: bool = true;

use diesel::connection::SimpleConnection;

include!("models.rs");
