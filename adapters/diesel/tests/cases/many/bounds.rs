// What a bulk save costs, however many rows there are.

use diesel::prelude::*;
use diesel::sql_query;

use crate::support::fired::Count;
use crate::support::watched::Sent;
use db::{FollowMany, Conn, Order, READS_BACK, TestDb, deleted, new_order, orders, paid};

/// As many orders, each with two rules.
fn stored_many(conn: &mut Conn, rows: usize) {
    let numbers: Vec<String> = (0..rows).map(|n| n.to_string()).collect();
    for some in numbers.chunks(1_000) {
        let new: Vec<_> = some.iter().map(|number| new_order(number, vec![paid(), deleted()])).collect();
        diesel::insert_into(orders::table).values(new).execute(conn).unwrap();
    }
}

fn fired(conn: &mut Conn) -> i64 {
    sql_query("SELECT count(*) AS n FROM celerysalt_outbox").get_result::<Count>(conn).unwrap().n
}

const READ: &[&str] = &["SELECT orders"];
const UPDATE: &[&str] = if READS_BACK { &["UPDATE orders", "SELECT orders"] } else { &["UPDATE orders"] };
const SPEND: &[&str] = &["UPDATE orders"];
const DELETE: &[&str] = &["DELETE orders"];
const FIRE: &[&str] = &["INSERT celerysalt_outbox"];

/// The statements of a save in so many chunks of these.
fn chunks(number: usize, statements: &[&[&'static str]]) -> Vec<&'static str> {
    [vec!["BEGIN"], statements.concat().repeat(number), vec!["COMMIT"]].concat()
}

#[test]
fn however_many_rows_there_are_a_chunk_is_read_and_written_at_once() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    stored_many(conn, 2_345);
    let sent = Sent::on(conn);
    let done = Order::follow_update_many(orders::table).set(orders::state.eq("paid")).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (2_345, 2_345));
    // Spent rules leave their rows in one update, events go to the outbox in one insert.
    assert_eq!(sent.take_short(), chunks(5, &[READ, UPDATE, SPEND, FIRE]));

    // Nothing fires, and a thousand rows are the most.
    Order::follow_update_many(orders::table).set(orders::state.eq("new")).chunk_size(1_000_000).execute(conn).unwrap();
    assert_eq!(sent.take_short(), chunks(3, &[READ, UPDATE]));

    let done = Order::follow_delete_many(orders::table).chunk_size(1_000).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (2_345, 2_345));
    assert_eq!(sent.take_short(), chunks(3, &[READ, DELETE, FIRE]));
    assert_eq!(fired(conn), 2 * 2_345);
}

#[test]
fn no_statement_reads_more_than_a_chunk() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    stored_many(conn, 40);
    let sent = Sent::on(conn);
    Order::follow_update_many(orders::table).set(orders::state.eq("paid")).chunk_size(7).execute(conn).unwrap();
    let statements = sent.take();
    let reads = statements.iter().filter(|sql| sql.starts_with("SELECT"));
    assert!(reads.clone().all(|sql| sql.contains(" LIMIT 7") || sql.contains(" IN (")), "{statements:?}");
    // A row's event has eight values, and is one `(…)`.
    let inserts = statements.iter().filter(|sql| sql.starts_with("INSERT"));
    let events: Vec<_> = inserts.map(|sql| sql.matches("), (").count() + 1).collect();
    assert_eq!(events, [7, 7, 7, 7, 7, 5]);
}

#[test]
fn a_full_last_chunk_is_asked_for_one_more() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    stored_many(conn, 4);
    let sent = Sent::on(conn);
    Order::follow_update_many(orders::table).set(orders::amount.eq(1)).chunk_size(2).execute(conn).unwrap();
    let selects = sent.take().iter().filter(|sql| sql.contains(" LIMIT 2")).count();
    assert_eq!(selects, 3);
}
