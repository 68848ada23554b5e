//! The twins without async.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::cell::RefCell;
use std::convert::Infallible;

use celerysalt::event::Envelope;
use celerysalt::model::Operation;
use celerysalt::outbox::OutboxError;
use celerysalt::rules::Rule;
use celerysalt_plain::{Fired, SaveError, Tracked};
use serde_json::json;

use support::{DiskFull, Order, event_ids, ids, moved, order};

fn stored(_: &Order) -> Result<(), Infallible> {
    Ok(())
}

fn full(_: &Order) -> Result<(), DiskFull> {
    Err(DiskFull)
}

fn on_delete() -> Rule {
    let data = json!({"id": "{{ id }}", "to": "gone"});
    let rule = Rule::when(Order::STATUS).not_null().on([Operation::Delete]);
    rule.emit::<support::Moved>(data)
}

#[test]
fn save_and_delete_append_after_persist() {
    let outbox = RefCell::new(Vec::new());
    let append = |events: &[Envelope]| {
        outbox.borrow_mut().extend_from_slice(events);
        Ok(())
    };
    let refuse = |_: &[Envelope]| Err(OutboxError::NotMigrated);
    let never = |_: &[Envelope]| -> Result<(), OutboxError> { panic!("nothing fires") };

    let mut order = Tracked::new(order([moved("a", "paid"), on_delete()]));
    order.save_sync(never, stored).unwrap();
    order.status = "paid".into();
    let error = order.save_sync(never, full).unwrap_err();
    assert!(matches!(error, SaveError::Persist(DiskFull)));
    assert_eq!(order.on_change_rules.len(), 2);

    let error = order.save_sync(refuse, stored).unwrap_err();
    assert!(matches!(error, SaveError::Outbox(OutboxError::NotMigrated)));
    let kept = event_ids(order.unsent());
    assert_eq!(kept.len(), 1);
    order.flush_sync(refuse).unwrap_err();
    order.save_sync(append, stored).unwrap();
    assert_eq!(event_ids(&outbox.take()), kept);

    let error = order.delete_sync(never, full).unwrap_err();
    assert!(matches!(error, SaveError::Persist(DiskFull)));
    order.delete_sync(refuse, stored).unwrap_err();
    order.delete_sync(append, full).unwrap(); // the row is gone, only its event is sent
    assert_eq!(outbox.take()[0].payload["to"], "gone");
}

#[test]
fn row_and_events_are_stored_together() {
    let store = RefCell::new(Vec::new());
    let both = |order: &Order, events: &Fired| {
        let rules = ids(&order.on_change_rules).join(" ");
        store.borrow_mut().push((rules, events.to_vec()));
        Ok::<_, Infallible>(())
    };
    let fail = |_: &Order, events: &Fired| {
        assert_eq!(events.len(), 1);
        Err(DiskFull)
    };
    let mut tracked = Tracked::loaded(order([moved("a", "paid"), on_delete().id("d")]));
    tracked.status = "paid".into();
    tracked.save_with_sync(fail).unwrap_err();
    assert_eq!(ids(&tracked.on_change_rules), ["a", "d"]);
    tracked.save_with_sync(both).unwrap();
    tracked.save_with_sync(both).unwrap();
    tracked.delete_with_sync(fail).unwrap_err();
    tracked.delete_with_sync(both).unwrap();
    tracked.delete_with_sync(both).unwrap();
    let fired: Vec<_> = store
        .take()
        .into_iter()
        .map(|(rules, events)| (rules, events.len()))
        .collect();
    let expected = [("d", 1), ("d", 0), ("d", 1)];
    assert_eq!(fired, expected.map(|(rules, n)| (rules.to_owned(), n)));

    let mut new = Tracked::new(order([]));
    let error = new.delete_with_sync(both).unwrap_err();
    assert!(matches!(error, SaveError::NeverPersisted { .. }));
}

#[test]
fn what_an_outbox_refused_goes_with_the_next_row() {
    let mut order = Tracked::loaded(order([moved("a", "paid"), moved("b", "sent")]));
    order.status = "paid".into();
    let refuse = |_: &[Envelope]| Err(OutboxError::NotMigrated);
    order.save_sync(refuse, stored).unwrap_err();
    order.status = "sent".into();
    let both = |_: &Order, events: &Fired| {
        let to: Vec<_> = events.iter().map(|event| &event.payload["to"]).collect();
        assert_eq!(to, ["paid", "sent"]);
        Ok::<_, Infallible>(())
    };
    order.save_with_sync(both).unwrap();
    assert_eq!(order.unsent(), []);

    order.status = "paid".into();
    order.on_change_rules.push(moved("c", "paid"));
    order.save_sync(refuse, stored).unwrap_err();
    assert_eq!(order.take_unsent().len(), 1);
    assert_eq!(order.into_inner().status, "paid");
}
