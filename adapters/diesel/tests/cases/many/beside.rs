// Bulk saves beside other savers of the same rows.

use celerysalt::rules::Rule;
use diesel::prelude::*;
use serde_json::json;

use crate::support::events::OrderCreated;
use db::{FollowMany, FollowUpdate, Conn, Order, TestDb, only_status, orders, outbox, paid, reload, stored, transaction};

const ROWS: usize = 30;

/// Fires whenever the state changes, and says from what to what.
fn changed() -> Rule {
    let changed = Rule::when(Order::STATUS).changed();
    changed.emit::<OrderCreated>(json!({"id": "{{ id }}", "status": "{{ old.status }}>{{ status }}"})).persistent()
}

fn changes_of(conn: &mut Conn, id: i32) -> Vec<String> {
    let of = Some(format!("order:{id}"));
    let events = outbox(conn).into_iter().filter(|event| event.topic == "order.created" && event.aggregate == of);
    events.map(|event| event.payload()["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn bulk_and_single_savers_fire_each_transition_once() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rows: Vec<_> = (0..ROWS).map(|n| stored(conn, &n.to_string(), vec![paid(), changed()])).collect();
    let start = std::sync::Barrier::new(5);
    std::thread::scope(|scope| {
        for size in [1, 4, 100] {
            let (test, start) = (&test, &start);
            scope.spawn(move || {
                let conn = &mut test.connect();
                start.wait();
                Order::follow_update_many(orders::table).set(orders::state.eq("paid")).chunk_size(size).execute(conn).unwrap();
            });
        }
        for turn in 0..2 {
            let (test, start, rows) = (&test, &start, &rows);
            scope.spawn(move || {
                let conn = &mut test.connect();
                start.wait();
                for row in rows.iter().rev().skip(turn).step_by(2) {
                    only_status("paid").update_and_follow(row.id, conn).unwrap();
                }
            });
        }
    });
    for row in &rows {
        assert_eq!(changes_of(conn, row.id), ["new>paid"]);
        assert_eq!(reload(conn, row.id).on_change_rules.len(), 1);
    }
    assert_eq!(outbox(conn).len(), 2 * ROWS);
}

#[test]
fn a_row_is_judged_as_its_lock_finds_it() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rows: Vec<_> = (0..3).map(|n| stored(conn, &n.to_string(), vec![changed()])).collect();
    let done = std::thread::scope(|scope| {
        let other = &mut test.connect();
        let bulk = transaction(other, |other| {
            // Not committed yet: one row no longer fits the filter, one will fit but looks different.
            only_status("cancelled").update_and_follow(rows[0].id, other)?;
            only_status("fresh").update_and_follow(rows[1].id, other)?;
            let bulk = scope.spawn(|| {
                let conn = &mut test.connect();
                let open = orders::table.filter(orders::state.ne("cancelled"));
                Order::follow_update_many(open).set(orders::state.eq("paid")).execute(conn).unwrap()
            });
            db::until_blocked(conn);
            Ok(bulk)
        });
        bulk.unwrap().join().unwrap()
    });
    assert_eq!((done.rows_affected, done.events), (2, 2));
    assert_eq!(changes_of(conn, rows[0].id), ["new>cancelled"]);
    assert_eq!(changes_of(conn, rows[1].id), ["new>fresh", "fresh>paid"]);
    assert_eq!(changes_of(conn, rows[2].id), ["new>paid"]);
}
