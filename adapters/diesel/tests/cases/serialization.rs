use celerysalt_diesel::Error;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use db::{Conn, FollowMany, FollowUpdate, Order, TestDb, only_status, orders, outbox, paid, reload, stored, transaction};

#[test]
fn a_serialization_failure_is_diesels_own_error_and_fires_nothing() {
    loses(|conn, id| only_status("paid").update_and_follow(id, conn).map(drop));
}

#[test]
fn a_serialization_failure_of_a_bulk_save_fires_nothing() {
    loses(|conn, _| Order::follow_update_many(orders::table).set(orders::state.eq("paid")).execute(conn).map(drop));
}

fn loses(pay: fn(&mut Conn, i32) -> Result<(), Error>) {
    let test = TestDb::new();
    let (conn, other) = (&mut test.connect(), &mut test.connect());
    let order = stored(conn, "1", vec![paid().persistent()]);
    let lost = transaction(conn, |conn| {
        conn.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        reload(conn, order.id);
        only_status("shipped").update_and_follow(order.id, other)?;
        pay(conn, order.id)
    });
    let kind = DatabaseErrorKind::SerializationFailure;
    assert!(matches!(&lost, Err(Error::Database(DieselError::DatabaseError(found, _))) if *found == kind), "{lost:?}");
    assert_eq!((outbox(conn).len(), reload(conn, order.id).status.as_str()), (0, "shipped"));
}

/// A save outside of a transaction commits its own; a database that is to serialize may refuse that only then.
#[test]
fn a_commit_that_is_refused_is_diesels_own_error_and_fires_nothing() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    conn.batch_execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END$$;
         CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .unwrap();
    let pay = |conn: &mut Conn| only_status("paid").update_and_follow(order.id, conn);
    let lost = pay(conn).unwrap_err();
    let kind = DatabaseErrorKind::SerializationFailure;
    assert!(matches!(&lost, Error::Database(DieselError::DatabaseError(found, _)) if *found == kind), "{lost:?}");
    assert_eq!((outbox(conn).len(), reload(conn, order.id)), (0, order.clone()));
    // The connection is as good as before: who lost saves again.
    conn.batch_execute("DROP TRIGGER refuse ON orders").unwrap();
    assert_eq!(pay(conn).unwrap().status, "paid");
    assert_eq!(outbox(conn).len(), 1);
}
