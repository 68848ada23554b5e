// What a bulk save makes of its rows, and what it fires.

use celerysalt::rules::Rule;
use celerysalt_diesel::Rules;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Bool;
use serde_json::json;

use db::{FollowMany, FollowSave, Conn, Order, OrderChanges, Seat, TestDb, deleted, only_status, orders, outbox, paid, reload, seats, stored,
    stored_rules, topics, transaction,
};

/// As many orders, each with these rules.
fn stored_many(conn: &mut Conn, rows: usize, rules: &[Rule]) -> Vec<Order> {
    (0..rows).map(|n| stored(conn, &n.to_string(), rules.to_vec())).collect()
}

#[test]
fn every_row_fires_as_if_it_were_saved_alone() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rows = stored_many(conn, 7, &[paid().id("once"), paid().id("always").persistent(), deleted().id("end")]);
    let other = stored(conn, "other", vec![paid()]);
    diesel::update(orders::table.find(other.id)).set(orders::state.eq("shipped")).execute(conn).unwrap();

    let new = orders::table.filter(orders::state.eq("new"));
    let done = Order::follow_update_many(new).set(orders::state.eq("paid")).chunk_size(3).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (7, 14));
    let fired = outbox(conn);
    assert_eq!(fired.len(), 14);
    for (pair, row) in std::iter::zip(fired.chunks(2), &rows) {
        assert_eq!(pair[0].aggregate, Some(format!("order:{}", row.id)));
        assert_eq!(pair.iter().map(|event| event.rule_id()).collect::<Vec<_>>(), ["once", "always"]);
        assert_eq!(pair[1].payload(), json!({"id": row.id, "amount": 50}));
        let row = reload(conn, row.id);
        let left: Vec<_> = row.on_change_rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!((row.status.as_str(), left), ("paid", vec!["always", "end"]));
    }
    assert_eq!(reload(conn, other.id).status, "shipped");

    // Again: nothing changes, nothing fires.
    let done = Order::follow_update_many(orders::table).set(orders::state.eq("paid")).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (8, 1), "only the other one was not paid");
    assert_eq!(outbox(conn).len(), 15);

    let done = Order::follow_delete_many(orders::table.filter(orders::id.ne(other.id))).chunk_size(2).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (7, 7));
    assert_eq!(orders::table.select(orders::id).load::<i32>(conn).unwrap(), [other.id]);
    assert!(topics(conn)[15..].iter().all(|topic| topic == "order.deleted"));
}

#[test]
fn rows_keep_the_rules_that_are_their_own() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rules = |n: i32| vec![paid(), paid().persistent().id(format!("own-{n}")), deleted().id(format!("end-{n}"))];
    let rows: Vec<_> = (0..5).map(|n| stored(conn, &n.to_string(), rules(n))).collect();
    Order::follow_update_many(orders::table).set(orders::state.eq("paid")).execute(conn).unwrap();
    for (n, row) in rows.iter().enumerate() {
        let left = reload(conn, row.id).on_change_rules;
        let left: Vec<_> = left.iter().map(|rule| rule.id.clone()).collect();
        assert_eq!(left, [format!("own-{n}"), format!("end-{n}")]);
    }
}

#[test]
fn the_database_computes_the_new_values_row_by_row() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let large = Rule::when(Order::TOTAL).gte(200);
    let large = large.emit::<crate::support::events::OrderLarge>(json!({"id": "{{ id }}", "total": "{{ total }}"}));
    for (n, amount) in [10, 50, 90, 130].into_iter().enumerate() {
        let order = stored(conn, &n.to_string(), vec![large.clone()]);
        diesel::update(orders::table.find(order.id)).set(orders::amount.eq(amount)).execute(conn).unwrap();
    }
    // Each row is doubled once, though what it becomes still fits the filter, and stands behind no row in it.
    let small = orders::table.filter(orders::amount.lt(1_000));
    let double = (orders::amount.eq(orders::amount * 2), orders::remark.eq(orders::number.nullable()));
    let done = Order::follow_update_many(small).set(double).chunk_size(1).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (4, 3));
    let rows: Vec<(i64, Option<String>)> =
        orders::table.select((orders::amount, orders::remark)).order(orders::id).load(conn).unwrap();
    let expected = [20, 100, 180, 260].into_iter().enumerate().map(|(n, amount)| (amount, Some(n.to_string())));
    assert_eq!(rows, expected.collect::<Vec<_>>());
    let totals: Vec<_> = outbox(conn).iter().map(|event| event.payload()["total"].clone()).collect();
    assert_eq!(totals, [200, 360, 520]);
}

#[test]
fn a_row_that_leaves_or_enters_the_filter_is_visited_once() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let changed = Rule::when(Order::STATUS).changed().emit::<crate::support::events::OrderCreated>(
        json!({"id": "{{ id }}", "status": "{{ status }}"}),
    );
    stored_many(conn, 9, &[changed.persistent()]);
    for size in [1, 2, 4, 9, 100] {
        let before = outbox(conn).len();
        // What is new becomes old, and leaves; then what is old becomes new, and so on: each row changes once.
        for (from, to) in [("new", "old"), ("old", "new")] {
            let rows = orders::table.filter(orders::state.eq(from));
            let done = Order::follow_update_many(rows).set(orders::state.eq(to)).chunk_size(size).execute(conn).unwrap();
            assert_eq!((done.rows_affected, done.events), (9, 9), "{size}");
        }
        assert_eq!(outbox(conn).len() - before, 18, "{size}");
    }
}

#[test]
fn a_changeset_of_yours_changes_many_rows() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rows = stored_many(conn, 3, &[paid()]);
    let changes = OrderChanges { amount: Some(7), ..only_status("paid") };
    let some: Box<dyn BoxableExpression<orders::table, db::Db, SqlType = Bool>> = Box::new(orders::id.gt(rows[0].id));
    let done = Order::follow_update_many(orders::table.filter(some)).set(changes).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (2, 2));
    let amounts: Vec<_> = outbox(conn).iter().map(|event| event.payload()["amount"].clone()).collect();
    assert_eq!(amounts, [7, 7]);
    assert_eq!(reload(conn, rows[0].id), rows[0]);
}

#[test]
fn no_rows_are_no_statement_more() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let none = orders::table.filter(orders::state.eq("none"));
    let done = Order::follow_update_many(none).set(orders::state.eq("paid")).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (0, 0));
    let done = Order::follow_delete_many(orders::table).execute(conn).unwrap();
    assert_eq!((done.rows_affected, done.events), (0, 0));
}

#[test]
fn an_error_in_any_chunk_undoes_all_and_fires_nothing() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rows = stored_many(conn, 8, &[paid(), deleted()]);
    // What the last row is to be named another is named already.
    stored(conn, "x7", vec![]);
    let clash = diesel::dsl::sql::<diesel::sql_types::Text>("concat('x', number)");
    let update = || Order::follow_update_many(orders::table.filter(orders::id.le(rows[7].id)));
    let set = (orders::state.eq("paid"), orders::number.eq(clash));
    let failed = update().set(set.clone()).chunk_size(3).execute(conn).unwrap_err();
    assert!(matches!(failed, celerysalt_diesel::Error::Database(DieselError::DatabaseError(..))), "{failed}");
    let untouched = |conn: &mut Conn| {
        for row in &rows {
            assert_eq!(&reload(conn, row.id), row);
        }
        assert_eq!(outbox(conn).len(), 0);
    };
    untouched(conn);
    // In a transaction of the caller's it is a savepoint, which alone is undone.
    transaction(conn, |conn| {
        assert!(update().set(set).chunk_size(3).execute(conn).is_err());
        Ok(stored(conn, "kept", vec![]))
    })
    .unwrap();
    untouched(conn);
    // And what succeeded is undone with the caller's transaction.
    let undone = transaction(conn, |conn| {
        update().set(orders::state.eq("paid")).chunk_size(3).execute(conn)?;
        Order::follow_delete_many(orders::table).execute(conn)?;
        assert_eq!(outbox(conn).len(), 16);
        Err::<(), _>(DieselError::RollbackTransaction.into())
    });
    assert!(undone.is_err());
    untouched(conn);
}

#[test]
fn rows_of_a_composite_key_are_each_visited_once() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let taken = || Rule::when(Seat::GUEST).changed().emit::<crate::support::events::SeatTaken>(json!({"guest": "{{ guest }}!"}));
    for hall in ["a", "a,1", "b"] {
        for seat in [2, 10, 1] {
            let rules: Rules = vec![taken().id(format!("{hall} {seat}"))].into();
            Seat { hall: hall.into(), seat, guest: None, rules }.insert_and_follow(conn).unwrap();
        }
    }
    let before = outbox(conn).len();
    for size in [1, 2, 4] {
        let ada = (seats::guest.eq(format!("Ada {size}")),);
        let done = Seat::follow_update_many(seats::table.filter(seats::seat.gt(0))).set(ada).chunk_size(size).execute(conn);
        // A rule in code fires for each row each time, the row's own only once.
        let events = if size == 1 { 18 } else { 9 };
        let done = done.unwrap();
        assert_eq!((done.rows_affected, done.events), (9, events), "{size}");
    }
    let fired = outbox(conn).split_off(before);
    let aggregates: Vec<_> = fired.iter().filter(|event| event.rule_id() == "seat-taken").take(9).map(|event| event.aggregate.clone().unwrap()).collect();
    let expected: Vec<_> = ["a", r"a\,1", "b"].iter().flat_map(|hall| [1, 2, 10].map(|seat| format!("seats:{hall},{seat}"))).collect();
    assert_eq!(aggregates, expected);
    for event in fired.iter().filter(|event| event.rule_id() != "seat-taken") {
        let own = event.rule_id().replace(',', r"\,").replace(' ', ",");
        assert_eq!(event.aggregate, Some(format!("seats:{own}")));
    }
    let done = Seat::follow_delete_many(seats::table.filter(seats::hall.ne("b"))).chunk_size(4).execute(conn).unwrap();
    assert_eq!(done.rows_affected, 6);
    assert_eq!(seats::table.select(seats::hall).distinct().load::<String>(conn).unwrap(), ["b"]);
}

#[test]
fn what_another_adapter_left_in_a_note_comes_first() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let event = json!({"id": uuid::Uuid::now_v7(), "topic": "order.created", "version": "v1",
        "payload": {"id": order.id, "status": "new"}, "meta": {"aggregate": order.number}});
    let note = json!({"celerysalt": {"save": {"id": uuid::Uuid::now_v7(), "events": [event]}}});
    let rules = stored_rules(conn, order.id).replacen('[', &format!("[{note}, "), 1);
    diesel::sql_query(format!("UPDATE orders SET on_change_rules = '{rules}'")).execute(conn).unwrap();
    Order::follow_update_many(orders::table).set(orders::state.eq("paid")).execute(conn).unwrap();
    let saved = reload(conn, order.id).on_change_rules;
    assert_eq!((saved.len(), saved.note()), (0, None));
    assert_eq!(topics(conn), ["order.created", "order.paid"]);
}
