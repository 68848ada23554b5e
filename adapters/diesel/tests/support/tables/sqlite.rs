// Included by the modules of SQLite: the tables, and a database for a test.

pub type Db = diesel::sqlite::Sqlite;

diesel::table! {
    orders (id) {
        id -> Integer,
        number -> Text,
        state -> Text,
        amount -> BigInt,
        total -> BigInt,
        remark -> Nullable<Text>,
        on_change_rules -> Text,
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
    CREATE TABLE orders (id integer PRIMARY KEY AUTOINCREMENT, number text NOT NULL UNIQUE, state text NOT NULL,
        amount integer NOT NULL, total integer NOT NULL GENERATED ALWAYS AS (amount * 2) STORED, remark text,
        on_change_rules text NOT NULL DEFAULT '[]');
    CREATE TABLE seats (hall text NOT NULL, seat integer NOT NULL, guest text, rules text NOT NULL DEFAULT '[]',
        PRIMARY KEY (hall, seat));";

/// A fresh migrated database, gone with the test.
pub struct TestDb {
    folder: tempfile::TempDir,
}

impl TestDb {
    pub fn new() -> Self {
        let test = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut conn = test.connect();
        conn.batch_execute("PRAGMA journal_mode = WAL").unwrap();
        conn.batch_execute(&celerysalt_migrations::up_sql(
            celerysalt_migrations::Dialect::Sqlite,
        ))
        .unwrap();
        conn.batch_execute(TABLES).unwrap();
        test
    }

    /// What another process connects to.
    pub fn name(&self) -> String {
        self.folder
            .path()
            .join("test.sqlite")
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub fn connect(&self) -> Conn {
        connect(&self.name())
    }
}

pub fn connect(file: &str) -> Conn {
    let mut conn = establish(file).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 30000; PRAGMA synchronous = OFF")
        .unwrap();
    conn
}

/// SQLite has noticed that a process is dead when the next one connects.
pub fn until_gone(_: &mut Conn) {}

/// Who waits for the write lock of SQLite tells nobody.
pub fn until_blocked(_: &mut Conn) {}

/// Lets the database keep the order of this number as it is, whatever is sent, without an error.
pub fn keep_order(conn: &mut Conn, number: &str) {
    for verb in ["UPDATE", "DELETE"] {
        conn.batch_execute(&format!(
            "CREATE TRIGGER keep_from_{verb} BEFORE {verb} ON orders WHEN old.number = '{number}'
             BEGIN SELECT raise(IGNORE); END"
        ))
        .unwrap();
    }
}

/// What text is called in a cast.
pub const TEXT: &str = "text";
/// The statement that a save in a transaction begins with, behind its savepoint.
pub const IN_SAVEPOINT: Option<&str> = Some("UPDATE celerysalt_outbox");
/// Whether a row that was written is read back, since the database returns nothing.
pub const READS_BACK: bool = false;

use diesel::connection::SimpleConnection;
