// Included by the modules of Diesel's own connections.

pub use celerysalt_diesel::{check_tables, FollowChanges, FollowInsert, FollowMany, FollowSave, FollowUpdate};

use celerysalt::inbox::{Once, Receipt};
use celerysalt_diesel::Error;

fn establish(url: &str) -> ConnectionResult<Conn> {
    Conn::establish(url)
}

/// Events of one's own.
pub fn append_in(conn: &mut Conn, events: &[celerysalt::event::Envelope]) -> QueryResult<()> {
    celerysalt_diesel::append_in(conn, events, chrono::Utc::now())
}

/// A handler that inserts an order, once; `end` is how its work ends.
pub fn insert_once(receipt: &Receipt, conn: &mut Conn, end: impl FnOnce() -> Result<(), Error>) -> Result<Once<i32>, Error> {
    celerysalt_diesel::once(receipt, conn, |conn| {
        let order = new_order("handled", vec![created()]).insert_and_follow(conn)?;
        end().map(|()| order.id)
    })
}
