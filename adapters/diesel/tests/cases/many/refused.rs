// What a bulk save does not do, and how it says so.

use celerysalt::follow::{FollowError, ManyError};
use celerysalt_diesel::{Error, FollowedMany};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Bool, Nullable, Text};

use db::{FollowMany, Order, OrderChanges, Seat, TestDb, orders, outbox, paid, reload, seats, stored};

fn why(refused: Result<FollowedMany, Error>) -> ManyError {
    match refused {
        Err(Error::Follow(FollowError::Many { error, .. })) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_not_changed() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    // Whether there are rows or not.
    for _ in 0..2 {
        let moved = Order::follow_update_many(orders::table).set((orders::state.eq("paid"), orders::id.eq(orders::id + 1)));
        let refused = moved.execute(conn).unwrap_err().to_string();
        assert!(refused.contains("order: a bulk update sets `id`, a column of the primary key"), "{refused}");
        let moved = Seat::follow_update_many(seats::table).set(seats::seat.eq(1)).execute(conn);
        assert_eq!(why(moved), ManyError::Key { column: "seat".into() });
        stored(conn, &uuid::Uuid::now_v7().to_string(), vec![paid()]);
    }
    let order = orders::table.select(Order::as_select()).first(conn).unwrap();
    assert_eq!((order.status.as_str(), outbox(conn).len()), ("new", 0));
    // To read the key is no change of it.
    let numbered = sql::<Nullable<Text>>(&format!("CAST(id AS {})", db::TEXT));
    let numbered = orders::remark.eq(numbered);
    assert!(Order::follow_update_many(orders::table).set(numbered).execute(conn).is_ok());
}

#[test]
fn the_rules_column_is_not_changed() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let rules = || OrderChanges { status: Some("paid"), on_change_rules: Some(vec![].into()), ..OrderChanges::default() };
    let refused = Order::follow_update_many(orders::table).set(rules()).execute(conn);
    let refused = why(refused);
    assert_eq!(refused, ManyError::Rules { column: "on_change_rules".into() });
    assert!(refused.to_string().contains("with `update_and_follow`"), "{refused}");
    let refused = Order::follow_update_many(orders::table).set(order.clone()).execute(conn);
    assert_eq!(why(refused), ManyError::Rules { column: "on_change_rules".into() });
    assert_eq!(reload(conn, order.id), order);
}

#[test]
fn no_change_at_all_is_diesels_to_report() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let empty = Order::follow_update_many(orders::table).set(OrderChanges::default()).execute(conn);
    assert!(matches!(empty, Err(Error::Database(DieselError::QueryBuilderError(_)))), "{empty:?}");
}

#[test]
fn raw_sql_that_would_lead_in_a_circle_is_refused() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    for n in 0..5 {
        stored(conn, &n.to_string(), vec![paid()]);
    }
    let either = |condition: &str| Order::follow_update_many(orders::table.filter(sql::<Bool>(condition)));
    let circle = either("state = 'new' OR state = 'paid'").set(orders::amount.eq(orders::amount + 1)).chunk_size(2).execute(conn);
    assert_eq!(why(circle), ManyError::Again);
    assert_eq!(outbox(conn).len(), 0);
    let fine = either("(state = 'new' OR state = 'paid')").set(orders::state.eq("paid")).chunk_size(2).execute(conn).unwrap();
    assert_eq!((fine.rows_affected, fine.events), (5, 5));
}
