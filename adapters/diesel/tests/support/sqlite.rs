//! The models on SQLite.

pub use celerysalt_diesel::{FollowInsert, FollowSave, FollowUpdate};

pub type Conn = diesel::SqliteConnection;

fn establish(url: &str) -> ConnectionResult<Conn> {
    Conn::establish(url)
}

/// A transaction as the caller begins it.
pub fn transaction<R>(
    conn: &mut Conn,
    run: impl FnOnce(&mut Conn) -> Result<R, celerysalt_diesel::Error>,
) -> Result<R, celerysalt_diesel::Error> {
    conn.immediate_transaction(run)
}

include!("tables/sqlite.rs");
include!("models.rs");
