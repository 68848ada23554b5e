use celerysalt_diesel::Error;
use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;

use db::{FollowInsert, FollowUpdate, TestDb, created, new_order, only_status, outbox, paid, reload, stored, topics, transaction};

/// A deadlock ends all of MySQL's transaction; this does the same, when it is told to.
const END: &str = "ROLLBACK";

#[test]
fn a_save_notices_that_the_server_has_ended_the_transaction() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let lost = transaction(conn, |conn| {
        new_order("2", vec![created()]).insert_and_follow(conn)?;
        conn.batch_execute(END)?;
        only_status("paid").update_and_follow(order.id, conn)
    });
    assert!(matches!(&lost, Err(Error::TransactionEnded(_))), "{lost:?}");
    assert!(lost.unwrap_err().to_string().contains("begin it anew"));
    assert_eq!(outbox(conn).len(), 0);
    assert_eq!(reload(conn, order.id), order);
    // The connection is as good as before.
    only_status("paid").update_and_follow(order.id, conn).unwrap();
    assert_eq!(topics(conn), ["order.paid"]);
}

#[test]
fn a_lock_that_is_waited_for_too_long_fires_nothing() {
    let test = TestDb::new();
    let (conn, other) = (&mut test.connect(), &mut test.connect());
    let order = stored(conn, "1", vec![paid()]);
    conn.batch_execute("SET innodb_lock_wait_timeout = 0").unwrap();
    transaction(other, |other| {
        only_status("shipped").update_and_follow(order.id, other)?;
        let lost = only_status("paid").update_and_follow(order.id, conn).unwrap_err();
        assert!(matches!(lost, Error::Database(DieselError::DatabaseError(..))), "{lost:?}");
        assert!(lost.to_string().contains("Lock wait timeout"), "{lost}");
        Ok(())
    })
    .unwrap();
    assert_eq!(outbox(conn).len(), 0);
    assert_eq!(reload(conn, order.id).status, "shipped");
}
