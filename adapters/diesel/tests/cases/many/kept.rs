// Rows that the database keeps as they are, without a word.

use diesel::prelude::*;

use db::{FollowMany, Order, TestDb, deleted, orders, paid, stored};

#[test]
fn rows_that_a_trigger_keeps_without_a_word_fire_nothing() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    db::keep_order(conn, "2");
    for n in 0..4 {
        stored(conn, &n.to_string(), vec![paid(), deleted()]);
    }
    let done = Order::follow_update_many(orders::table).set(orders::state.eq("paid")).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (3, 3));
    let done = Order::follow_delete_many(orders::table).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (3, 3));
    let kept = orders::table.select(Order::as_select()).load(conn).unwrap();
    assert_eq!((kept.len(), kept[0].number.as_str(), kept[0].on_change_rules.len()), (1, "2", 2));
}
