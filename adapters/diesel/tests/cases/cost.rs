use diesel::Connection;

use crate::support::watched::Sent;
use db::{
    Conn, FollowInsert, FollowSave, FollowUpdate, IN_SAVEPOINT, Order, READS_BACK, TestDb, created, new_order,
    only_status, paid, stored,
};

/// A connection whose statements are told.
fn watched(test: &TestDb) -> (Conn, Sent) {
    let mut conn = test.connect();
    let sent = Sent::on(&mut conn);
    (conn, sent)
}

fn take(sent: &Sent) -> Vec<String> {
    sent.take_short()
}

/// The statements of a save in its own transaction.
fn transaction(statements: &[&[&'static str]]) -> Vec<&'static str> {
    [&["BEGIN"], statements.concat().as_slice(), &["COMMIT"]].concat()
}

const READ: &[&str] = &["SELECT orders"];
const UPDATE: &[&str] = if READS_BACK { &["UPDATE orders", "SELECT orders"] } else { &["UPDATE orders"] };
/// Of a row whose key the database makes.
const INSERT: &[&str] = if READS_BACK { &["DO", "INSERT orders", "SELECT orders"] } else { &["INSERT orders"] };
const FIRE: &[&str] = &["INSERT celerysalt_outbox"];

#[test]
fn a_save_that_fires_nothing_costs_the_read_of_the_old_row() {
    let test = TestDb::new();
    let (mut conn, sent) = watched(&test);
    for rules in [vec![], vec![paid()]] {
        let order = stored(&mut conn, &rules.len().to_string(), rules);
        take(&sent);
        let order = Order { status: "shipped".into(), ..order }.update_and_follow(&mut conn).unwrap();
        assert_eq!(take(&sent), transaction(&[READ, UPDATE]));
        only_status("new").update_and_follow(order.id, &mut conn).unwrap();
        assert_eq!(take(&sent), transaction(&[READ, UPDATE]));
    }
}

#[test]
fn a_save_that_fires_adds_one_insert_for_all_its_events() {
    let test = TestDb::new();
    let (mut conn, sent) = watched(&test);
    let order = stored(&mut conn, "1", vec![paid(), paid(), paid()]);
    take(&sent);
    only_status("paid").update_and_follow(order.id, &mut conn).unwrap();
    // The spent rules leave the row in the statement that changes it.
    assert_eq!(take(&sent), transaction(&[READ, UPDATE, FIRE]));
}

#[test]
fn a_save_in_a_transaction_is_a_savepoint() {
    let test = TestDb::new();
    let (mut conn, sent) = watched(&test);
    let order = stored(&mut conn, "1", vec![paid()]);
    take(&sent);
    conn.transaction(|conn| only_status("paid").update_and_follow(order.id, conn)).unwrap();
    let begun = IN_SAVEPOINT.as_slice();
    assert_eq!(take(&sent), transaction(&[&["SAVEPOINT"], begun, READ, UPDATE, FIRE, &["RELEASE"]]));
}

#[test]
fn an_insert_costs_itself_and_one_update_where_a_rule_is_spent() {
    let test = TestDb::new();
    let (mut conn, sent) = watched(&test);
    new_order("1", vec![paid()]).insert_and_follow(&mut conn).unwrap();
    assert_eq!(take(&sent), transaction(&[INSERT]));
    new_order("2", vec![created()]).insert_and_follow(&mut conn).unwrap();
    assert_eq!(take(&sent), transaction(&[INSERT, UPDATE, FIRE]));
    new_order("3", vec![created().persistent()]).insert_and_follow(&mut conn).unwrap();
    assert_eq!(take(&sent), transaction(&[INSERT, FIRE]));
}

#[test]
fn a_delete_costs_the_read_of_the_row() {
    let test = TestDb::new();
    let (mut conn, sent) = watched(&test);
    let order = stored(&mut conn, "1", vec![paid()]);
    take(&sent);
    order.clone().delete_and_follow(&mut conn).unwrap();
    assert_eq!(take(&sent), transaction(&[READ, &["DELETE orders"]]));
    order.delete_and_follow(&mut conn).unwrap();
    assert_eq!(take(&sent), transaction(&[READ]));
}
