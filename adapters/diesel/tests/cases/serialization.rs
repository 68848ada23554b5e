use celerysalt_diesel::Error;
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use db::{FollowUpdate, TestDb, only_status, outbox, paid, reload, stored, transaction};

#[test]
fn a_serialization_failure_is_diesels_own_error_and_fires_nothing() {
    let test = TestDb::new();
    let (conn, other) = (&mut test.connect(), &mut test.connect());
    let order = stored(conn, "1", vec![paid().persistent()]);
    let lost = transaction(conn, |conn| {
        conn.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        reload(conn, order.id);
        only_status("shipped").update_and_follow(order.id, other)?;
        only_status("paid").update_and_follow(order.id, conn)
    });
    let kind = DatabaseErrorKind::SerializationFailure;
    assert!(matches!(&lost, Err(Error::Database(DieselError::DatabaseError(found, _))) if *found == kind), "{lost:?}");
    assert_eq!((outbox(conn).len(), reload(conn, order.id).status.as_str()), (0, "shipped"));
}
