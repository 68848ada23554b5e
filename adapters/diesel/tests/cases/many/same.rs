// The law of bulk saves: they fire, and leave behind, what a loop of single saves does.

use celerysalt::rules::Rule;
use celerysalt_diesel::Rules;
use diesel::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::support::events::OrderPaid;
use db::{FollowMany, FollowSave, FollowUpdate, Conn, Order, OrderChanges, TestDb, deleted, orders, outbox, paid};

const STATES: [&str; 3] = ["new", "paid", "shipped"];

#[derive(Debug, Clone)]
struct Row {
    state: usize,
    amount: i64,
    rules: u8,
}

#[derive(Debug, Clone)]
struct Bulk {
    state: usize,
    factor: i64,
    only: usize,
    above: i64,
    chunk: usize,
    deletes: bool,
}

fn cases() -> impl Strategy<Value = (Vec<Row>, Bulk)> {
    let row = (0..3_usize, -4..9_i64, any::<u8>()).prop_map(|(state, amount, rules)| Row { state, amount, rules });
    let bulk = (0..3_usize, 0..4_i64, 0..3_usize, -4..6_i64, 1..5_usize, proptest::bool::weighted(0.2));
    let bulk = bulk.prop_map(|(state, factor, only, above, chunk, deletes)| Bulk { state, factor, only, above, chunk, deletes });
    (prop::collection::vec(row, 0..9), bulk)
}

/// Rules that fire once and always, on states and amounts, each known by its place.
fn rules(row: usize, mask: u8) -> Rules {
    let amount = || json!({"id": "{{ id }}", "amount": "{{ amount }}"});
    let all = [
        paid(),
        paid().persistent(),
        Rule::when(Order::AMOUNT).increased().emit::<OrderPaid>(amount()),
        Rule::when(Order::TOTAL).lt(0).emit::<OrderPaid>(amount()).persistent(),
        deleted(),
    ];
    let chosen = all.into_iter().enumerate().filter(|(n, _)| mask & (1 << n) != 0);
    chosen.map(|(n, rule)| rule.id(format!("{row}-{n}"))).collect()
}

fn store(conn: &mut Conn, rows: &[Row]) {
    for (n, row) in rows.iter().enumerate() {
        let order = Order {
            id: i32::try_from(n).unwrap() + 1,
            number: n.to_string(),
            status: STATES[row.state].into(),
            amount: row.amount,
            total: 0,
            remark: None,
            on_change_rules: rules(n, row.rules),
        };
        diesel::insert_into(orders::table).values(order).execute(conn).unwrap();
    }
}

fn at_once(conn: &mut Conn, bulk: &Bulk) {
    let chosen = orders::table.filter(orders::state.eq(STATES[bulk.only]).or(orders::amount.gt(bulk.above)));
    if bulk.deletes {
        Order::follow_delete_many(chosen).chunk_size(bulk.chunk).execute(conn).unwrap();
        return;
    }
    let set = (orders::state.eq(STATES[bulk.state]), orders::amount.eq(orders::amount * bulk.factor));
    Order::follow_update_many(chosen).set(set).chunk_size(bulk.chunk).execute(conn).unwrap();
}

fn one_by_one(conn: &mut Conn, bulk: &Bulk) {
    let chosen = orders::table.filter(orders::state.eq(STATES[bulk.only]).or(orders::amount.gt(bulk.above)));
    let chosen: Vec<Order> = chosen.select(Order::as_select()).order(orders::id).load(conn).unwrap();
    for order in chosen {
        if bulk.deletes {
            order.delete_and_follow(conn).unwrap();
            continue;
        }
        let changes = OrderChanges {
            status: Some(STATES[bulk.state]),
            amount: Some(order.amount * bulk.factor),
            ..OrderChanges::default()
        };
        changes.update_and_follow(order.id, conn).unwrap();
    }
}

/// The rows and the events that a way of saving leaves, which is undone then.
fn left(conn: &mut Conn, rows: &[Row], save: impl FnOnce(&mut Conn)) -> (Vec<Order>, Vec<String>) {
    let mut left = None;
    let _ = db::transaction(conn, |conn| {
        store(conn, rows);
        save(conn);
        let orders = orders::table.select(Order::as_select()).order(orders::id).load(conn)?;
        let events = outbox(conn);
        let events = events.iter().map(|event| format!("{:?} {} {} {}", event.aggregate, event.topic, event.rule_id(), event.payload()));
        left = Some((orders, events.collect()));
        Err::<(), _>(diesel::result::Error::RollbackTransaction.into())
    });
    left.unwrap()
}

#[test]
fn a_bulk_save_is_a_loop_of_saves() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let conn = std::cell::RefCell::new(conn);
    let config = Config { failure_persistence: None, ..Config::with_cases(64) };
    let law = TestRunner::new(config).run(&cases(), |(rows, bulk)| {
        let conn = &mut **conn.borrow_mut();
        let at_once = left(conn, &rows, |conn| at_once(conn, &bulk));
        let one_by_one = left(conn, &rows, |conn| one_by_one(conn, &bulk));
        prop_assert_eq!(at_once, one_by_one);
        Ok(())
    });
    law.unwrap();
}
