use celerysalt::inbox::Receipt;
use celerysalt::rules::Rule;
use celerysalt_diesel::Error;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde_json::json;

use crate::support::events::OrderCreated;
use crate::support::watched::Sent;
use db::{
    Conn, FollowMany, FollowUpdate, Order, OrderChanges, READS_BACK, TestDb, insert_once, only_status, orders, outbox,
    reload, stored, transaction,
};

/// Fires at every change of the status.
fn changed() -> Rule {
    let changed = Rule::when(Order::STATUS).changed();
    changed.emit::<OrderCreated>(json!({"id": "{{ id }}", "status": "{{ status }}"})).persistent()
}

type SetStatus = fn(&mut Conn, i32, &str) -> Result<(), Error>;

fn set_one(conn: &mut Conn, id: i32, status: &str) -> Result<(), Error> {
    only_status(status).update_and_follow(id, conn).map(drop)
}

fn set_in_bulk(conn: &mut Conn, id: i32, status: &str) -> Result<(), Error> {
    let rows = orders::table.filter(orders::id.eq(id));
    Order::follow_update_many(rows).set(orders::state.eq(status)).execute(conn).map(drop)
}

fn set_both(set: SetStatus, conn: &mut Conn, rows: [i32; 2], status: &str, meet: impl FnOnce()) -> Result<(), Error> {
    conn.transaction(|conn| {
        set(conn, rows[0], status)?;
        meet();
        set(conn, rows[1], status)
    })
}

#[test]
fn a_deadlock_is_diesels_own_error_and_fires_nothing() {
    loses_a_deadlock(set_one);
}

#[test]
fn a_deadlock_of_bulk_saves_is_diesels_own_error_and_fires_nothing() {
    loses_a_deadlock(set_in_bulk);
}

fn loses_a_deadlock(set: SetStatus) {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let (a, b) = (stored(conn, "a", vec![changed()]).id, stored(conn, "b", vec![changed()]).id);
    let meet = std::sync::Barrier::new(2);
    let mut savers: Vec<_> = std::thread::scope(|scope| {
        let saver = |rows, status| {
            let (test, meet) = (&test, &meet);
            scope.spawn(move || {
                let mut conn = test.connect();
                let saved = set_both(set, &mut conn, rows, status, || {
                    meet.wait();
                });
                (conn, rows, status, saved)
            })
        };
        let savers = [saver([a, b], "first"), saver([b, a], "second")];
        savers.into_iter().map(|saver| saver.join().unwrap()).collect()
    });
    savers.sort_by_key(|(.., saved)| saved.is_err());
    let (mut loser, rows, status, lost) = savers.pop().unwrap();
    let (_, _, won, saved) = savers.pop().unwrap();
    saved.unwrap();
    let lost = lost.unwrap_err();
    assert!(matches!(lost, Error::Database(DieselError::DatabaseError(..))), "{lost:?}");
    assert!(lost.to_string().to_lowercase().contains("deadlock"), "{lost}");
    let fired = |conn: &mut Conn| -> Vec<_> {
        outbox(conn).iter().map(|event| event.payload()["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(fired(conn), [won, won]);
    // The connection is as good as before: who lost begins anew.
    set_both(set, &mut loser, rows, status, || ()).unwrap();
    assert_eq!(fired(conn), [won, won, status, status]);
}

#[test]
fn a_transaction_that_read_before_another_committed_saves_what_is_there_now() {
    let test = TestDb::new();
    let (conn, other) = (&mut test.connect(), &mut test.connect());
    let order = stored(conn, "1", vec![changed()]);
    let saved = transaction(conn, |conn| {
        assert_eq!(reload(conn, order.id), order);
        let paid = OrderChanges { amount: Some(77), ..only_status("paid") };
        paid.update_and_follow(order.id, other)?;
        // It changes nothing any more, and the row that comes back is the one that is there.
        only_status("paid").update_and_follow(order.id, conn)
    })
    .unwrap();
    assert_eq!((saved.status.as_str(), saved.amount, saved.total), ("paid", 77, 154));
    assert_eq!(outbox(conn).len(), 1);
}

#[test]
fn a_delivery_that_waits_in_vain_for_another_says_so_after_one_wait() {
    let test = TestDb::new();
    let (conn, other) = (&mut test.connect(), &mut test.connect());
    let impatient =
        if READS_BACK { "SET SESSION innodb_lock_wait_timeout = 1" } else { "SET lock_timeout = '100ms'" };
    diesel::sql_query(impatient).execute(other).unwrap();
    let sent = Sent::on(other);
    let receipt = Receipt::new(uuid::Uuid::now_v7(), "ship");
    let done = insert_once(&receipt, conn, || {
        // On a thread of its own: this one may be driving the first delivery.
        let second = || insert_once(&receipt, other, || Ok(()));
        let waited = std::thread::scope(|scope| scope.spawn(second).join().unwrap()).unwrap_err();
        assert!(matches!(waited, Error::Database(DieselError::DatabaseError(..))), "{waited:?}");
        Ok(())
    });
    assert!(!done.unwrap().is_seen());
    let asked = sent.take().into_iter().filter(|sql| sql.contains("celerysalt_inbox"));
    assert_eq!(asked.count(), 1);
}
