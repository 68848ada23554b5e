//! Saves on connections of Diesel's own pool.
#![allow(clippy::unwrap_used, clippy::panic)]
#![cfg(all(
    feature = "r2d2",
    feature = "sqlite",
    feature = "postgres",
    feature = "mysql"
))]

mod support;

use celerysalt_diesel::{Error, FollowSave, FollowUpdate};
use diesel::Connection;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::result::Error as DieselError;
use support::sqlite::{Order, TestDb, only_status, paid, reload, stored, topics};

#[test]
fn a_pooled_connection_saves_like_any_other() {
    let test = TestDb::new();
    let order = stored(&mut test.connect(), "1", vec![paid().persistent()]);
    let manager = ConnectionManager::<diesel::SqliteConnection>::new(test.name());
    let pool = Pool::builder().max_size(2).build(manager).unwrap();
    let conn = &mut pool.get().unwrap();
    let undone = conn.transaction(|conn| {
        only_status("paid").update_and_follow(order.id, conn)?;
        Err::<(), Error>(DieselError::RollbackTransaction.into())
    });
    assert!(undone.is_err());
    assert_eq!(reload(conn, order.id), order);
    only_status("paid")
        .update_and_follow(order.id, conn)
        .unwrap();
    let paid = reload(conn, order.id);
    Order {
        status: "new".into(),
        ..paid
    }
    .update_and_follow(conn)
    .unwrap();
    assert_eq!(topics(conn), ["order.paid"]);
}
