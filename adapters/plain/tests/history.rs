//! The history of plain structs, and the table of rules: what stands outside of the row.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use celerysalt::actor;
use celerysalt::event::Envelope;
use celerysalt::history::Transition;
use celerysalt::outbox::OutboxError;
use celerysalt::rule_table::{MemoryRules, RuleTable, scope};
use celerysalt_plain::{Fired, Follow, FollowActions, Rules, Tracked};
use serde_json::json;

use support::{DiskFull, Flaky, Moved};

#[derive(Debug, Clone, FollowActions)]
#[follow(name = "kept", history("amount"))]
struct Kept {
    id: u64,
    status: String,
    amount: i64,
    on_change_rules: Rules,
}

fn kept(rules: Vec<celerysalt::rules::Rule>) -> Kept {
    Kept {
        id: 7,
        status: "new".into(),
        amount: 1,
        on_change_rules: rules.into(),
    }
}

fn moved(id: &str) -> celerysalt::rules::Rule {
    let data = json!({"id": "{{ id }}", "to": "{{ status }}"});
    celerysalt::rules::Rule::when(Kept::STATUS)
        .changed()
        .emit::<Moved>(data)
        .id(id)
}

/// A store of rows that keeps what comes with them.
#[derive(Default)]
struct Store(Mutex<Fired>, Mutex<Vec<Transition>>);

impl Store {
    fn persist(&self, _: &Kept, fired: &Fired) -> Result<(), Infallible> {
        *self.0.lock().unwrap() = fired.clone();
        self.1
            .lock()
            .unwrap()
            .extend_from_slice(fired.transitions());
        Ok(())
    }

    /// What came with the last row: its events' rules, and field and rule of its transitions.
    fn last(&self) -> (Vec<String>, Vec<(String, Option<String>)>) {
        let last = self.0.lock().unwrap();
        let events = last.iter().map(|event| event.meta.rule_id.clone().unwrap());
        let told = last.transitions().iter();
        let told = told.map(|told| (told.field.clone(), told.rule_id.clone()));
        (events.collect(), told.collect())
    }
}

fn told(field: &str, rule: Option<&str>) -> (String, Option<String>) {
    (field.to_owned(), rule.map(str::to_owned))
}

#[test]
fn row_events_and_history_are_handed_over_together() {
    let store = Store::default();
    let mut order = Tracked::loaded(kept(vec![moved("r")]));
    (order.status, order.amount) = ("paid".into(), 2);
    order.save_with_sync(|_, _| Err(DiskFull)).unwrap_err();
    assert_eq!(
        order.transitions(),
        [],
        "not persisted, so nothing has happened"
    );
    let save = |order: &mut Tracked<Kept>| {
        order
            .save_with_sync(|row, fired| store.persist(row, fired))
            .unwrap();
    };
    actor::sync_scope("ada", || save(&mut order));
    let expected = vec![told("status", Some("r")), told("amount", None)];
    assert_eq!(store.last(), (vec!["r".to_owned()], expected));
    let all = store.1.lock().unwrap().clone();
    assert_eq!(all[0].aggregate, "kept:7");
    assert_eq!(all[0].actor.as_deref(), Some("ada"));
    assert_eq!((&all[1].old, &all[1].new), (&json!(1), &json!(2)));

    save(&mut order);
    assert_eq!(store.last(), (vec![], vec![]));
    order
        .delete_with_sync(|row, fired| store.persist(row, fired))
        .unwrap();
    assert_eq!(store.last(), (vec![], vec![told("amount", None)]));
}

#[tokio::test]
async fn history_waits_where_only_an_outbox_is_given() {
    let outbox = Flaky::shared();
    let store = Store::default();
    let mut order = Tracked::loaded(kept(vec![moved("a"), moved("b").persistent()]));
    order.status = "paid".into();
    let stored = async |_: &Kept| Ok::<_, Infallible>(());
    order.save(&outbox, stored).await.unwrap();
    assert_eq!(outbox.events().await.len(), 2);
    assert_eq!(order.transitions().len(), 2);
    order.flush(&outbox).await.unwrap();
    assert_eq!(order.transitions().len(), 2, "an outbox takes events only");

    outbox.refuse(1);
    order.status = "sent".into();
    order.save(&outbox, stored).await.unwrap_err();
    let with = async |row: &Kept, fired: &Fired| store.persist(row, fired);
    order.save_with(with).await.unwrap();
    let (events, transitions) = store.last();
    assert_eq!(events, ["b"], "what the outbox refused");
    assert_eq!(transitions.len(), 3, "all that waited");
    assert_eq!((order.unsent(), order.transitions()), (&[][..], &[][..]));

    order.amount = 3;
    order.save(&outbox, stored).await.unwrap();
    order.delete(&outbox, stored).await.unwrap();
    assert_eq!(order.take_transitions().len(), 2);
    order.delete_with(with).await.unwrap();
    assert_eq!(
        store.last().0,
        ["b"],
        "nothing waits, so nothing was called"
    );
}

#[tokio::test]
async fn rules_of_the_table_fire_for_plain_structs() {
    scope(async {
        let table = RuleTable::new(Arc::new(MemoryRules::new()));
        table.put(Kept::definition(), moved("table")).await.unwrap();
        table.load().await.unwrap();
        let mut order = Tracked::new(kept(vec![]));
        let append = |events: &[Envelope]| {
            assert_eq!(events[0].meta.rule_id.as_deref(), Some("table"));
            Ok::<_, OutboxError>(())
        };
        let stored = |_: &Kept| Ok::<_, Infallible>(());
        order.save_sync(append, stored).unwrap();
        for status in ["paid", "sent"] {
            order.status = status.into();
            order.save_sync(append, stored).unwrap();
        }
        let rules: Vec<_> = order.take_transitions();
        let rules = rules
            .iter()
            .filter(|told| told.rule_id.as_deref() == Some("table"));
        assert_eq!(rules.count(), 2, "one an update, and it stays");
        assert!(order.on_change_rules.is_empty());
    })
    .await;
}
