// Included by the modules of MariaDB: the tables, and a database for a test.

pub type Db = diesel::mysql::Mysql;

diesel::table! {
    orders (id) {
        id -> Integer,
        number -> Text,
        state -> Text,
        amount -> BigInt,
        total -> BigInt,
        remark -> Nullable<Text>,
        on_change_rules -> Json,
    }
}

diesel::table! {
    seats (hall, seat) {
        hall -> Text,
        seat -> Integer,
        guest -> Nullable<Text>,
        rules -> Text,
    }
}

const TABLES: &str = "
    CREATE TABLE orders (id integer AUTO_INCREMENT PRIMARY KEY, number varchar(50) NOT NULL UNIQUE,
        state varchar(50) NOT NULL, amount bigint NOT NULL,
        total bigint GENERATED ALWAYS AS (amount * 2) STORED, remark text,
        on_change_rules json NOT NULL DEFAULT ('[]'));
    CREATE TABLE seats (hall varchar(50) NOT NULL, seat integer NOT NULL, guest text,
        rules longtext NOT NULL DEFAULT ('[]'), PRIMARY KEY (hall, seat));";

/// A fresh migrated database, gone with the test.
pub struct TestDb {
    database: String,
}

impl TestDb {
    pub fn new() -> Self {
        let test = Self {
            database: format!("diesel_{}", uuid::Uuid::new_v4().simple()),
        };
        let create = format!("CREATE DATABASE {0}; USE {0}", test.database);
        let mut conn = establish(&url()).unwrap();
        conn.batch_execute(&create).unwrap();
        conn.batch_execute(&celerysalt_migrations::up_sql(
            celerysalt_migrations::Dialect::Mysql,
        ))
        .unwrap();
        conn.batch_execute(TABLES).unwrap();
        test
    }

    /// What another process connects to.
    pub fn name(&self) -> String {
        self.database.clone()
    }

    pub fn connect(&self) -> Conn {
        connect(&self.database)
    }
}

pub fn connect(database: &str) -> Conn {
    let url = url();
    let (server, _) = url.rsplit_once('/').unwrap();
    establish(&format!("{server}/{database}")).unwrap()
}

/// Ends when the server has noticed that every other process is dead: until then its transaction holds locks.
pub fn until_gone(conn: &mut Conn) {
    let others = "SELECT count(*) AS n FROM information_schema.processlist \
         WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    while sql_query(others).get_result::<Count>(conn).unwrap().n > 0 {
        std::thread::yield_now();
    }
}

/// Ends when another connection to this database waits for a lock.
pub fn until_blocked(conn: &mut Conn) {
    let waiting = "SELECT count(*) AS n FROM information_schema.innodb_trx \
         JOIN information_schema.processlist ON id = trx_mysql_thread_id \
         WHERE db = DATABASE() AND trx_state = 'LOCK WAIT'";
    until_one(conn, waiting);
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let mut conn = self.connect();
        let dropped = conn.batch_execute(&format!("DROP DATABASE {}", self.database));
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

fn url() -> String {
    super::server::url("MariaDB", "CELERYSALT_TEST_MARIADB_URL")
}

/// What text is called in a cast.
pub const TEXT: &str = "char";
/// The statement that a save in a transaction begins with, behind its savepoint.
pub const IN_SAVEPOINT: Option<&str> = Some("SAVEPOINT");
/// Whether a row that was written is read back, since the database returns nothing.
pub const READS_BACK: bool = true;

use diesel::connection::SimpleConnection;
