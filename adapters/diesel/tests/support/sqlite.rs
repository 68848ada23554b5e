//! The models on SQLite.

pub type Conn = diesel::SqliteConnection;

/// A transaction as the caller begins it.
pub fn transaction<R>(
    conn: &mut Conn,
    run: impl FnOnce(&mut Conn) -> Result<R, Error>,
) -> Result<R, Error> {
    conn.immediate_transaction(run)
}

include!("blocking.rs");
include!("tables/sqlite.rs");
include!("models.rs");
