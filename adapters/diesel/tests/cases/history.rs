use celerysalt::actor;
use celerysalt_diesel::Rules;
use diesel::prelude::*;
use diesel::result::Error as DieselError;

use db::{FollowMany, FollowSave, Kept, Seat, TestDb, history, outbox, seats, transaction};

fn free() -> Seat {
    Seat { hall: "great".into(), seat: 7, guest: None, rules: Rules::new() }
}

fn taken(by: &str) -> Seat {
    Seat { guest: Some(by.into()), ..free() }
}

#[test]
fn a_save_keeps_what_it_did_beside_its_events() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    free().insert_and_follow(conn).unwrap();
    actor::sync_scope("user:eve", || taken("Ada").update_and_follow(conn)).unwrap();
    // Nothing changed, nothing is told.
    taken("Ada").update_and_follow(conn).unwrap();
    taken("Ada").delete_and_follow(conn).unwrap();
    let events: Vec<_> = outbox(conn).into_iter().map(|event| event.id).collect();
    let kept = |operation: &str, old: Option<&str>, new: Option<&str>| Kept {
        aggregate: "seats:great,7".into(),
        operation: operation.into(),
        field: "guest".into(),
        old_value: old.map(Into::into),
        new_value: new.map(Into::into),
        rule_id: None,
        event_id: None,
        actor: None,
    };
    let fired = Kept {
        rule_id: Some("seat-taken".into()),
        event_id: events.first().cloned(),
        actor: Some("user:eve".into()),
        ..kept("update", None, Some("\"Ada\""))
    };
    assert_eq!(history(conn), [fired, kept("delete", Some("\"Ada\""), None)]);
}

#[test]
fn a_rolled_back_save_leaves_no_history() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    free().insert_and_follow(conn).unwrap();
    let undone = transaction(conn, |conn| {
        taken("Ada").update_and_follow(conn)?;
        assert_eq!(history(conn).len(), 1);
        Err::<(), _>(DieselError::RollbackTransaction.into())
    });
    assert!(undone.is_err());
    assert_eq!(history(conn), []);
}

#[test]
fn a_bulk_save_keeps_what_it_did_to_each_row() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    for seat in 1..=5 {
        Seat { seat, ..free() }.insert_and_follow(conn).unwrap();
    }
    let ada = seats::guest.eq("Ada");
    Seat::follow_update_many(seats::table.filter(seats::seat.gt(1))).set(ada).chunk_size(2).execute(conn).unwrap();
    Seat::follow_delete_many(seats::table).execute(conn).unwrap();
    let mut kept = history(conn);
    kept.sort_by(|one, other| one.aggregate.cmp(&other.aggregate));
    let of = |operation: &str| -> Vec<_> {
        let kept = kept.iter().filter(|kept| kept.operation == operation);
        kept.map(|kept| (kept.aggregate.as_str(), kept.event_id.clone())).collect()
    };
    // The first chunks come first, and their rows in the order of their keys.
    let seats = ["seats:great,2", "seats:great,3", "seats:great,4", "seats:great,5"];
    let events = outbox(conn).into_iter().map(|event| Some(event.id));
    assert_eq!(of("update"), std::iter::zip(seats, events).collect::<Vec<_>>());
    // Seats have no rule about their end.
    assert_eq!(of("delete"), seats.map(|seat| (seat, None)));
}

#[test]
fn a_bulk_save_that_waits_for_a_row_is_told_when_it_gets_it() {
    for deletes in [false, true] {
        let test = TestDb::new();
        let conn = &mut test.connect();
        free().insert_and_follow(conn).unwrap();
        std::thread::scope(|scope| {
            let other = &mut test.connect();
            let bulk = transaction(other, |other| {
                free().update_and_follow(other)?; // Changes nothing, and locks the row.
                let bulk = scope.spawn(|| {
                    let conn = &mut test.connect();
                    let done = match deletes {
                        true => Seat::follow_delete_many(seats::table).execute(conn),
                        false => Seat::follow_update_many(seats::table).set(seats::guest.eq("Ada")).execute(conn),
                    };
                    done.unwrap();
                });
                db::until_blocked(conn);
                taken("Bo").update_and_follow(other)?;
                Ok(bulk)
            });
            bulk.unwrap().join().unwrap();
        });
        let told = history(conn).into_iter().map(|kept| (kept.old_value, kept.new_value));
        let told: Vec<_> = told.collect();
        let [bo, ada] = ["Bo", "Ada"].map(|guest| Some(format!("\"{guest}\"")));
        let last = if deletes { None } else { ada };
        assert_eq!(told, [(None, bo.clone()), (bo, last)]);
    }
}
