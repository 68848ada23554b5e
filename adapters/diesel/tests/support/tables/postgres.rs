// Included by the modules of PostgreSQL: the tables, and a database for a test.

pub type Db = diesel::pg::Pg;

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

    /// What another process connects to.
    pub fn name(&self) -> String {
        self.schema.clone()
    }

    pub fn connect(&self) -> Conn {
        connect(&self.schema)
    }
}

pub fn connect(schema: &str) -> Conn {
    let mut conn = establish(&super::server::url(
        "PostgreSQL",
        "CELERYSALT_TEST_POSTGRES_URL",
    ))
    .unwrap();
    conn.batch_execute(&format!(
        "SET application_name = '{}'; SET search_path TO {schema}; SET client_min_messages TO error",
        application(schema)
    ))
    .unwrap();
    conn
}

/// The name of a process at the server, by which the death of a child can be seen.
fn application(schema: &str) -> String {
    format!("{schema}_{}", std::process::id())
}

/// Ends when the server has noticed that every other process is dead: until then its transaction holds locks.
pub fn until_gone(conn: &mut Conn) {
    let others = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name <> current_setting('application_name') \
         AND application_name LIKE current_setting('search_path') || '\\_%'";
    while sql_query(others).get_result::<Count>(conn).unwrap().n > 0 {
        std::thread::yield_now();
    }
}

/// Ends when another connection of this process waits for a lock.
pub fn until_blocked(conn: &mut Conn) {
    let waiting = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = current_setting('application_name') \
         AND wait_event_type = 'Lock'";
    until_one(conn, waiting);
}

/// Lets the database keep the order of this number as it is, whatever is sent, without an error.
pub fn keep_order(conn: &mut Conn, number: &str) {
    conn.batch_execute(&format!(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON orders FOR EACH ROW WHEN (old.number = '{number}')
         EXECUTE FUNCTION keep()"
    ))
    .unwrap();
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

/// What text is called in a cast.
pub const TEXT: &str = "text";
/// The statement that a save in a transaction begins with, behind its savepoint.
pub const IN_SAVEPOINT: Option<&str> = None;
/// Whether a row that was written is read back, since the database returns nothing.
pub const READS_BACK: bool = false;

use diesel::connection::SimpleConnection;
