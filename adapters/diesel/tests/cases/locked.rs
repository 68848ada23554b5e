use celerysalt_diesel::Error;
use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;

use db::{Conn, FollowUpdate, TestDb, only_status, outbox, paid, reload, stored, transaction};

#[test]
fn a_save_that_waits_in_vain_for_the_writer_is_diesels_own_error_and_fires_nothing() {
    let test = TestDb::new();
    let (writer, conn) = (&mut test.connect(), &mut test.connect());
    let order = stored(conn, "1", vec![paid()]);
    conn.batch_execute("PRAGMA busy_timeout = 0").unwrap();
    let pay = |conn: &mut Conn| only_status("paid").update_and_follow(order.id, conn);
    let written = transaction(writer, |writer| {
        only_status("shipped").update_and_follow(order.id, writer)?;
        let by_itself = pay(conn);
        let locked = [by_itself, transaction(conn, pay)];
        for locked in locked {
            let locked = locked.unwrap_err();
            assert!(matches!(locked, Error::Database(DieselError::DatabaseError(..))), "{locked:?}");
            assert!(locked.to_string().contains("locked"), "{locked}");
        }
        Err::<(), Error>(DieselError::RollbackTransaction.into())
    });
    assert!(written.is_err());
    assert_eq!((outbox(conn).len(), reload(conn, order.id)), (0, order.clone()));
    assert_eq!(pay(conn).unwrap().status, "paid");
    assert_eq!(outbox(conn).len(), 1);
}
