use celerysalt::rules::Rule;
use celerysalt_diesel::Error;

use db::{
    Conn, FollowSave, FollowUpdate, Order, TestDb, deleted, only_status, outbox, paid, reload, stored, transaction,
};

const SAVERS: usize = 16;

/// Runs as many savers at once, and returns what each returned.
fn at_once<R: Send>(test: &TestDb, save: impl Fn(usize, &mut Conn) -> R + Sync) -> Vec<R> {
    let start = std::sync::Barrier::new(SAVERS);
    std::thread::scope(|scope| {
        let savers: Vec<_> = (0..SAVERS)
            .map(|n| {
                let (start, save) = (&start, &save);
                scope.spawn(move || {
                    let conn = &mut test.connect();
                    start.wait();
                    save(n, conn)
                })
            })
            .collect();
        savers.into_iter().map(|saver| saver.join().unwrap()).collect()
    })
}

fn fires_once(rule: Rule, save: impl Fn(Order, &mut Conn) -> Result<Order, Error> + Sync) {
    let test = TestDb::new();
    let conn = &mut test.connect();
    for round in 1..=3 {
        let order = stored(conn, &round.to_string(), vec![rule.clone()]);
        for saved in at_once(&test, |_, conn| save(order.clone(), conn).unwrap()) {
            assert_eq!(saved.status, "paid");
        }
        assert_eq!(outbox(conn).len(), round);
        let rules = reload(conn, order.id).on_change_rules;
        assert_eq!(rules.len(), usize::from(rule.persist));
    }
}

#[test]
fn one_transition_fires_once() {
    for rule in [paid(), paid().persistent()] {
        fires_once(rule.clone(), |order, conn| only_status("paid").update_and_follow(order.id, conn));
        fires_once(rule.clone(), |order, conn| Order { status: "paid".into(), ..order }.update_and_follow(conn));
        fires_once(rule, |order, conn| {
            transaction(conn, |conn| Order { status: "paid".into(), ..order }.save_and_follow(conn))
        });
    }
}

#[test]
fn sixteen_attach_a_rule_and_none_is_lost() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    at_once(&test, |n, conn| {
        if n == 0 {
            // One fires the rule that they all know.
            return only_status("paid").update_and_follow(order.id, conn).map(drop).unwrap();
        }
        let mut mine = order.clone();
        mine.on_change_rules.push(deleted().id(format!("rule-{n}")));
        // No other column of a stale row: it would take the status back.
        let changes = db::OrderChanges { on_change_rules: Some(mine.on_change_rules), ..Default::default() };
        changes.update_and_follow(order.id, conn).map(drop).unwrap();
    });
    let rules = reload(conn, order.id).on_change_rules;
    for n in 1..SAVERS {
        assert!(rules.get(&format!("rule-{n}")).is_some(), "rule-{n} is lost");
    }
    assert_eq!(rules.len(), SAVERS - 1, "the fired rule is back");
    assert_eq!(outbox(conn).len(), 1);
}

#[test]
fn sixteen_delete_a_row_and_it_fires_once() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![deleted()]);
    let gone = at_once(&test, |_, conn| order.clone().delete_and_follow(conn).unwrap());
    assert_eq!(gone.iter().sum::<usize>(), 1);
    assert_eq!(outbox(conn).len(), 1);
}
