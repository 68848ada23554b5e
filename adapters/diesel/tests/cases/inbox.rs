use std::sync::atomic::{AtomicUsize, Ordering};

use celerysalt::inbox::{Once, Receipt};
use celerysalt_diesel::Error;
use diesel::prelude::*;
use diesel::result::Error as DieselError;

use db::{Conn, TestDb, insert_once, orders, outbox, transaction};

const DELIVERIES: usize = 8;

fn receipt() -> Receipt {
    Receipt::new(uuid::Uuid::now_v7(), "ship")
}

fn handled(conn: &mut Conn) -> i64 {
    orders::table.count().get_result(conn).unwrap()
}

fn fail() -> Result<(), Error> {
    Err(DieselError::RollbackTransaction.into())
}

#[test]
fn a_redelivery_does_nothing() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let receipt = receipt();
    // Work that failed has not been done.
    assert!(matches!(insert_once(&receipt, conn, fail), Err(Error::Database(DieselError::RollbackTransaction))));
    assert_eq!((handled(conn), outbox(conn).len()), (0, 0));
    assert!(insert_once(&receipt, conn, || Ok(())).unwrap().done().is_some());
    assert_eq!(insert_once(&receipt, conn, || panic!("it ran again")).unwrap(), Once::Seen);
    assert_eq!((handled(conn), outbox(conn).len()), (1, 1));
    // Another handler of the same event has not seen it.
    let other = Receipt::new(receipt.event_id(), "bill");
    let clash = insert_once(&other, conn, || Ok(())).unwrap_err();
    assert!(matches!(clash, Error::Database(DieselError::DatabaseError(..))), "{clash}");
}

#[test]
fn in_a_transaction_it_is_a_savepoint() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let receipt = receipt();
    let undone = transaction(conn, |conn| {
        assert!(!insert_once(&receipt, conn, || Ok(()))?.is_seen());
        assert!(insert_once(&receipt, conn, || Ok(()))?.is_seen());
        assert_eq!(handled(conn), 1);
        Err::<(), Error>(DieselError::RollbackTransaction.into())
    });
    assert!(undone.is_err());
    assert!(!insert_once(&receipt, conn, || Ok(())).unwrap().is_seen());
}

#[test]
fn of_many_deliveries_at_once_one_takes_effect() {
    let test = TestDb::new();
    // Two that come first fail, and must leave it to the others.
    for failing in [0, 2] {
        let receipt = receipt();
        let begun = AtomicUsize::new(0);
        let start = std::sync::Barrier::new(DELIVERIES);
        let conn = &mut test.connect();
        diesel::delete(orders::table).execute(conn).unwrap();
        let came_to: Vec<_> = std::thread::scope(|scope| {
            let deliveries: Vec<_> = (0..DELIVERIES)
                .map(|_| {
                    scope.spawn(|| {
                        let conn = &mut test.connect();
                        start.wait();
                        let end = || if begun.fetch_add(1, Ordering::SeqCst) < failing { fail() } else { Ok(()) };
                        insert_once(&receipt, conn, end)
                    })
                })
                .collect();
            deliveries.into_iter().map(|delivery| delivery.join().unwrap()).collect()
        });
        let done = came_to.iter().filter(|end| matches!(end, Ok(Once::Done(_)))).count();
        let seen = came_to.iter().filter(|end| matches!(end, Ok(Once::Seen))).count();
        assert_eq!((done, seen, handled(conn)), (1, DELIVERIES - 1 - failing, 1), "{came_to:?}");
        assert_eq!(begun.load(Ordering::SeqCst), failing + 1);
    }
}
