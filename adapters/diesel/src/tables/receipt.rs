//! `celerysalt_inbox`.

use celerysalt::clock;
use celerysalt::inbox::Receipt;
use diesel::result::QueryResult;

use super::{Cell, Columns, Insert};
use crate::session::Session;

const INBOX: Columns = Columns {
    table: "celerysalt_inbox",
    names: &["event_id", "handler", "handled_at"],
};

/// Records a receipt; false when it is there already. Waits for the end of another transaction that has recorded it.
pub(crate) async fn insert_receipt<S: Session>(
    receipt: &Receipt,
    session: &mut S,
) -> QueryResult<bool> {
    let row = vec![
        Cell::id(receipt.event_id()),
        Cell::text(receipt.handler().to_owned()),
        Cell::instant::<S::Backend>(clock::ambient().now()),
    ];
    Ok(Insert::run(&INBOX, vec![row], session).await? == 1)
}
