//! The models on MariaDB.

pub type Conn = diesel::MysqlConnection;

/// A transaction as the caller begins it.
pub fn transaction<R>(
    conn: &mut Conn,
    run: impl FnOnce(&mut Conn) -> Result<R, Error>,
) -> Result<R, Error> {
    conn.transaction(run)
}

include!("blocking.rs");
include!("tables/mariadb.rs");
include!("models.rs");
