//! Saves of plain structs: persist first, then the outbox.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;

use celerysalt::chain::{Chain, MAX_DEPTH};
use celerysalt::event::{Envelope, Meta};
use celerysalt::follow::FollowError;
use celerysalt::model::Operation;
use celerysalt::outbox::{OutboxError, SharedOutbox};
use celerysalt::publisher::Publisher;
use celerysalt::rules::{Rule, Rules};
use celerysalt_plain::{Fired, SaveError, Tracked};
use serde_json::json;

use support::{DiskFull, Flaky, Order, event_ids, ids, moved, order};

/// A persist that works.
async fn stored(_: &Order) -> Result<(), Infallible> {
    Ok(())
}

/// A persist that does not.
async fn full(_: &Order) -> Result<(), DiskFull> {
    Err(DiskFull)
}

fn on(operation: Operation) -> Rule {
    let data = json!({"id": "{{ id }}", "to": "{{ status }}"});
    let rule = Rule::when(Order::STATUS).not_null().on([operation]);
    rule.emit::<support::Moved>(data)
        .id(format!("{operation:?}"))
}

#[tokio::test]
async fn insert_update_and_delete_fire_their_rules() {
    let outbox = Flaky::shared();
    let rules = [
        on(Operation::Insert),
        on(Operation::Update),
        on(Operation::Delete),
    ];
    let mut order = Tracked::new(order(rules));
    assert!(order.persisted().is_none());

    order.save(&outbox, stored).await.unwrap();
    let inserted = outbox.events().await;
    assert_eq!(inserted.len(), 1);
    assert_eq!(inserted[0].payload["to"], "new");
    assert_eq!(inserted[0].meta.aggregate.as_deref(), Some("order:7"));
    assert_eq!(inserted[0].meta.rule_id.as_deref(), Some("Insert"));
    assert_eq!(ids(&order.on_change_rules), ["Update", "Delete"]);

    order.status = "paid".into();
    order.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.moves().await, ["paid"]);

    order.status = "not persisted".into();
    let removed = RefCell::new(None);
    let remove = async |order: &Order| {
        *removed.borrow_mut() = Some(order.status.clone());
        Ok::<_, Infallible>(())
    };
    order.delete(&outbox, remove).await.unwrap();
    assert_eq!(
        removed.into_inner().as_deref(),
        Some("paid"),
        "the row goes as it was last persisted"
    );
    assert_eq!(outbox.moves().await, ["paid"]);
    assert!(order.persisted().is_none());
}

#[tokio::test]
async fn persist_sees_the_row_without_what_fires_once_and_with_what_persists() {
    let outbox = Flaky::shared();
    let rules = [moved("once", "paid"), moved("ever", "paid").persistent()];
    let mut order = Tracked::loaded(order(rules));
    order.status = "paid".into();
    let written = RefCell::new(Vec::new());
    let persist = async |order: &Order| {
        written
            .borrow_mut()
            .push(ids(&order.on_change_rules).join(" "));
        Ok::<_, Infallible>(())
    };
    order.save(&outbox, &persist).await.unwrap();
    assert_eq!(outbox.events().await.len(), 2);
    assert_eq!(order.persisted(), Some(&*order));

    order.save(&outbox, &persist).await.unwrap();
    assert_eq!(outbox.events().await.len(), 0, "nothing has changed");
    order.status = "new".into();
    order.save(&outbox, &persist).await.unwrap();
    order.status = "paid".into();
    order.save(&outbox, &persist).await.unwrap();
    assert_eq!(outbox.events().await.len(), 1, "the once-rule is gone");
    assert_eq!(written.into_inner(), ["ever"; 4]);
}

#[tokio::test]
async fn a_failed_persist_fires_nothing_and_leaves_all_as_it_was() {
    let outbox = Flaky::shared();
    let mut tracked = Tracked::loaded(order([moved("once", "paid")]));
    let before = tracked.persisted().cloned();
    tracked.status = "paid".into();
    let error = tracked.save(&outbox, full).await.unwrap_err();
    assert_eq!(error.into_persist(), Some(DiskFull));
    assert_eq!(outbox.events().await, []);
    assert_eq!(tracked.unsent(), []);
    assert_eq!(ids(&tracked.on_change_rules), ["once"]);
    assert_eq!(tracked.persisted(), before.as_ref());

    let error = tracked.delete(&outbox, full).await.unwrap_err();
    assert!(matches!(error, SaveError::Persist(DiskFull)));
    assert!(tracked.persisted().is_some());

    tracked.save(&outbox, stored).await.unwrap();
    tracked.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.moves().await, ["paid"]);

    let mut new = Tracked::new(order([on(Operation::Insert)]));
    new.save(&outbox, full).await.unwrap_err();
    new.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.moves().await, ["new"], "still an insert");
}

#[tokio::test]
async fn a_dropped_save_leaves_all_as_it_was() {
    let outbox = Flaky::shared();
    let mut order = Tracked::loaded(order([moved("once", "paid")]));
    order.status = "paid".into();
    {
        let never = async |_: &Order| std::future::pending::<Result<(), Infallible>>().await;
        let save = std::pin::pin!(order.save(&outbox, never));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::future::Future::poll(save, &mut context).is_pending());
    }
    assert_eq!(ids(&order.on_change_rules), ["once"]);
    order.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.moves().await, ["paid"]);
}

#[tokio::test]
async fn events_that_the_outbox_refused_are_sent_later_under_the_same_ids() {
    let outbox = Flaky::shared();
    outbox.refuse(2);
    let mut order = Tracked::loaded(order([moved("a", "paid"), moved("b", "sent")]));
    order.status = "paid".into();
    let error = order.save(&outbox, stored).await.unwrap_err();
    assert!(matches!(error, SaveError::Outbox(OutboxError::NotMigrated)));
    assert_eq!(
        ids(&order.on_change_rules),
        ["b"],
        "the row is persisted, and its rule has fired"
    );
    let first = event_ids(order.unsent());
    assert_eq!(first.len(), 1);

    order.status = "sent".into();
    order.save(&outbox, stored).await.unwrap_err();
    let both = event_ids(order.unsent());
    assert_eq!((both.len(), both[0]), (2, first[0]));

    order.save(&outbox, stored).await.unwrap();
    assert_eq!(order.unsent(), []);
    let stored_events = outbox.events().await;
    assert_eq!(event_ids(&stored_events), both);
    assert_eq!(stored_events[0].payload["to"], "paid");

    order.flush(&outbox).await.unwrap();
    assert_eq!(outbox.events().await, []);
}

#[tokio::test]
async fn a_delete_whose_events_were_refused_is_not_done_twice() {
    let outbox = Flaky::shared();
    outbox.refuse(1);
    let mut order = Tracked::loaded(order([on(Operation::Delete)]));
    let error = order.delete(&outbox, stored).await.unwrap_err();
    assert!(matches!(error, SaveError::Outbox(_)));
    let kept = event_ids(order.unsent());
    let again = async |_: &Order| -> Result<(), DiskFull> { panic!("the row is gone") };
    order.delete(&outbox, again).await.unwrap();
    assert_eq!(event_ids(&outbox.events().await), kept);
    order.delete(&outbox, again).await.unwrap();
    assert_eq!(outbox.events().await, []);
}

#[tokio::test]
async fn what_was_never_persisted_cannot_be_deleted() {
    let outbox = Flaky::shared();
    let mut order = Tracked::new(order([]));
    let error = order.delete(&outbox, stored).await.unwrap_err();
    assert!(matches!(
        error,
        SaveError::NeverPersisted { model: "order" }
    ));
    assert!(error.to_string().contains("Tracked::loaded"), "{error}");
}

#[tokio::test]
async fn a_rule_attached_with_the_change_fires_and_a_wrong_one_stops_the_save() {
    let outbox = Flaky::shared();
    let mut order = Tracked::loaded(order([]));
    order.status = "paid".into();
    order.on_change_rules.push(moved("new", "paid"));
    order.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.moves().await, ["paid"]);
    assert!(order.on_change_rules.is_empty());

    let wrong = Rule::when("statsu").changed();
    let wrong = wrong.emit_topic("plain.moved", json!({"id": 1, "to": ""}));
    order.on_change_rules.push(wrong);
    let never = async |_: &Order| -> Result<(), Infallible> { panic!("checked before persist") };
    let error = order.save(&outbox, never).await.unwrap_err();
    assert!(
        matches!(&error, SaveError::Follow(FollowError::Attach { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("statsu"), "{error}");
    assert_eq!(order.on_change_rules.len(), 1, "to be mended");
}

#[tokio::test]
async fn rules_may_be_put_in_as_a_whole_but_a_copy_from_before_brings_none_back() {
    let outbox = Flaky::shared();
    let mut tracked = Tracked::loaded(order([moved("a", "paid"), moved("b", "sent")]));
    let early = tracked.clone_row();
    tracked.on_change_rules = Rules::from_value(Rules::from(vec![moved("a", "paid")]).to_value());
    tracked.save(&outbox, stored).await.unwrap();
    assert_eq!(ids(&tracked.on_change_rules), ["a"]);

    tracked.status = "paid".into();
    tracked.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.moves().await, ["paid"]);
    *tracked = early;
    tracked.save(&outbox, stored).await.unwrap();
    assert!(
        tracked.on_change_rules.is_empty(),
        "fired and removed: gone"
    );
}

trait CloneRow {
    fn clone_row(&self) -> Order;
}

impl CloneRow for Tracked<Order> {
    fn clone_row(&self) -> Order {
        (**self).clone()
    }
}

#[tokio::test]
async fn a_publisher_and_a_shared_store_take_events_too() {
    let flaky = Flaky::shared();
    let shared: SharedOutbox = flaky.clone();
    let publisher = Publisher::to_outbox(Arc::clone(&shared));
    let mut order = Tracked::loaded(order([
        moved("a", "paid"),
        moved("b", "paid"),
        moved("c", "sent"),
    ]));
    order.status = "paid".into();
    flaky.refuse(1);
    let error = order.save(&publisher, stored).await.unwrap_err();
    assert!(matches!(error, SaveError::Outbox(_)), "{error:?}");
    let kept = event_ids(order.unsent());
    order.flush(&publisher).await.unwrap();
    assert_eq!(event_ids(&flaky.events().await), kept);
    order.status = "sent".into();
    order.save(&shared, stored).await.unwrap();
    assert_eq!(flaky.moves().await, ["sent"]);
}

#[tokio::test]
async fn saves_in_a_handler_go_on_with_its_chain_and_stop_when_it_is_too_deep() {
    let outbox = Flaky::shared();
    let cause = |depth| Envelope {
        id: uuid::Uuid::from_u128(1),
        topic: "plain.cause".into(),
        version: None,
        payload: json!({}),
        meta: Meta {
            chain: Chain {
                depth,
                ..Chain::default()
            },
            ..Meta::default()
        },
    };
    let mut order = Tracked::loaded(order([moved("a", "paid")]));
    order.status = "paid".into();
    let deep = Chain::caused_by(&cause(MAX_DEPTH)).scope(order.save(&outbox, stored));
    let error = deep.await.unwrap_err();
    assert!(
        matches!(error, SaveError::Follow(FollowError::Evaluate { .. })),
        "{error:?}"
    );
    assert_eq!(ids(&order.on_change_rules), ["a"]);

    let fine = Chain::caused_by(&cause(0)).scope(order.save(&outbox, stored));
    fine.await.unwrap();
    let chain = &outbox.events().await[0].meta.chain;
    assert_eq!((chain.causation_id, chain.depth), (Some(cause(0).id), 1));
}

#[tokio::test]
async fn saves_run_in_spawned_tasks() {
    let outbox = Flaky::shared();
    let kept = Arc::clone(&outbox);
    let task = async move {
        let mut order = Tracked::loaded(order([moved("a", "paid")]));
        order.status = "paid".into();
        let disk = Arc::new(tokio::sync::Mutex::new(Vec::new()));
        let persist = async |order: &Order| {
            disk.lock().await.push(order.clone());
            Ok::<_, Infallible>(())
        };
        order.save(&outbox, persist).await.unwrap();
        let both = async |order: &Order, events: &Fired| {
            assert!(events.is_empty());
            disk.lock().await.push(order.clone());
            Ok::<_, Infallible>(())
        };
        order.save_with(both).await.unwrap();
        order.delete_with(both).await.unwrap();
        disk.lock().await.len()
    };
    assert_eq!(tokio::spawn(task).await.unwrap(), 3);
    assert_eq!(kept.moves().await, ["paid"]);
}
