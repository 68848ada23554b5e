use celerysalt::follow::FollowError;
use celerysalt::rules::Rule;
use celerysalt_diesel::{Error, Rules};
use diesel::Connection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde_json::json;

use db::{
    Booking, Conn, FollowChanges, FollowInsert, FollowSave, FollowUpdate, Order, OrderChanges, Seat, Shouted, TestDb, Unseen,
    Upper, announced, created, deleted, new_order, only_status, outbox, paid, reload, stored, stored_rules, topics,
    transaction,
};

#[test]
fn an_update_fires_once_and_spends_the_rule() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid().id("rule")]);
    let saved = Order { status: "paid".into(), ..order.clone() }.update_and_follow(conn).unwrap();
    assert_eq!(saved.status, "paid");
    assert!(saved.on_change_rules.is_empty());
    assert_eq!(stored_rules(conn, order.id), "[]");
    let fired = outbox(conn);
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].topic, "order.paid");
    assert_eq!(fired[0].payload(), json!({"id": order.id, "amount": 50}));
    assert_eq!(fired[0].aggregate, Some(format!("order:{}", order.id)));
    assert_eq!(fired[0].rule_id(), "rule");
    // Again to paid: the rule is gone.
    only_status("new").update_and_follow(order.id, conn).unwrap();
    only_status("paid").update_and_follow(order.id, conn).unwrap();
    assert_eq!(outbox(conn).len(), 1);
}

#[test]
fn a_changeset_fires_like_the_model() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let saved = only_status("paid").update_and_follow(order.id, conn).unwrap();
    assert_eq!((saved.status.as_str(), saved.on_change_rules.len()), ("paid", 0));
    assert_eq!(saved, reload(conn, order.id));
    assert_eq!(topics(conn), ["order.paid"]);
}

#[test]
fn an_insert_fires_with_the_key_that_the_database_made() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let saved = new_order("1", vec![created(), paid()]).insert_and_follow(conn).unwrap();
    let left: Vec<_> = saved.on_change_rules.iter().map(|rule| rule.event_class.clone()).collect();
    assert_eq!(left, ["order.paid"]);
    assert!(!saved.on_change_rules.is_modified());
    assert_eq!(reload(conn, saved.id), saved);
    let fired = outbox(conn);
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].payload(), json!({"id": saved.id, "status": "new"}));
    assert_eq!(fired[0].aggregate, Some(format!("order:{}", saved.id)));
}

#[test]
fn a_save_is_an_insert_or_an_update() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let mut order = stored(conn, "1", vec![created(), paid()]);
    order.id += 1;
    order.number = "2".into();
    let mut saved = order.save_and_follow(conn).unwrap();
    assert_eq!(saved.on_change_rules.len(), 1);
    saved.status = "paid".into();
    let saved = saved.save_and_follow(conn).unwrap();
    assert_eq!(saved.status, "paid");
    assert_eq!(topics(conn), ["order.created", "order.paid"]);
}

#[test]
fn a_delete_fires_when_the_row_is_gone() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![deleted()]);
    assert_eq!(order.clone().delete_and_follow(conn).unwrap(), 1);
    assert_eq!(topics(conn), ["order.deleted"]);
    // Deleting what is not there fires nothing.
    assert_eq!(order.delete_and_follow(conn).unwrap(), 0);
    assert_eq!(topics(conn).len(), 1);
}

#[test]
fn a_rolled_back_save_fires_nothing() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid(), deleted()]);
    let undone = transaction(conn, |conn| {
        only_status("paid").update_and_follow(order.id, conn)?;
        new_order("2", vec![created()]).insert_and_follow(conn)?;
        order.clone().delete_and_follow(conn)?;
        assert_eq!(topics(conn).len(), 3);
        Err::<(), _>(DieselError::RollbackTransaction.into())
    });
    assert!(matches!(undone, Err(Error::Database(DieselError::RollbackTransaction))));
    assert_eq!(outbox(conn).len(), 0);
    assert_eq!(reload(conn, order.id), order);
}

#[test]
fn a_rolled_back_savepoint_fires_nothing_when_the_rest_is_committed() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let (first, second) = (stored(conn, "1", vec![paid()]), stored(conn, "2", vec![paid()]));
    transaction(conn, |conn| {
        let inner = conn.transaction(|conn| {
            only_status("paid").update_and_follow(first.id, conn)?;
            Err::<(), Error>(DieselError::RollbackTransaction.into())
        });
        assert!(inner.is_err());
        only_status("paid").update_and_follow(second.id, conn).map(drop)
    })
    .unwrap();
    let fired = outbox(conn);
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].aggregate, Some(format!("order:{}", second.id)));
    assert_eq!(reload(conn, first.id), first);
}

#[test]
fn a_failed_save_that_is_caught_fires_nothing_and_the_rest_is_committed() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    stored(conn, "taken", vec![]);
    let order = stored(conn, "1", vec![paid()]);
    let kept = transaction(conn, |conn| {
        let kept = stored(conn, "kept", vec![]);
        let clash = OrderChanges { number: Some("taken"), ..only_status("paid") };
        let failed = clash.update_and_follow(order.id, conn).unwrap_err();
        let unique = DatabaseErrorKind::UniqueViolation;
        assert!(matches!(&failed, Error::Database(DieselError::DatabaseError(kind, _)) if *kind == unique), "{failed}");
        // The save was a savepoint of its own: the transaction goes on, on PostgreSQL too.
        assert!(new_order("taken", vec![created()]).insert_and_follow(conn).is_err());
        Ok(kept)
    })
    .unwrap();
    assert_eq!(outbox(conn).len(), 0);
    assert_eq!(reload(conn, order.id), order);
    assert_eq!(reload(conn, kept.id).number, "kept");
}

#[test]
fn an_unchanged_value_fires_nothing() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![]);
    only_status("paid").update_and_follow(order.id, conn).unwrap();
    let attach = OrderChanges { on_change_rules: Some(vec![paid()].into()), ..OrderChanges::default() };
    attach.update_and_follow(order.id, conn).unwrap();
    only_status("paid").update_and_follow(order.id, conn).unwrap();
    OrderChanges { amount: Some(51), ..OrderChanges::default() }.update_and_follow(order.id, conn).unwrap();
    assert_eq!(outbox(conn).len(), 0);
    assert_eq!(reload(conn, order.id).on_change_rules.len(), 1);
}

#[test]
fn a_persistent_rule_stays() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid().persistent()]);
    for status in ["paid", "new", "paid"] {
        only_status(status).update_and_follow(order.id, conn).unwrap();
    }
    assert_eq!(outbox(conn).len(), 2);
    assert_eq!(reload(conn, order.id).on_change_rules, order.on_change_rules);
}

#[test]
fn a_stale_caller_neither_revives_nor_loses_rules() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let stale = stored(conn, "1", vec![paid()]);
    only_status("paid").update_and_follow(stale.id, conn).unwrap();
    let mut attach = reload(conn, stale.id);
    attach.on_change_rules.push(deleted());
    attach.update_and_follow(conn).unwrap();

    // The stale caller writes everything it knows, and adds a rule of its own.
    let mut writes = stale.clone();
    writes.on_change_rules.push(paid().id("mine"));
    let saved = writes.update_and_follow(conn).unwrap();
    let events: Vec<_> = saved.on_change_rules.iter().map(|rule| rule.event_class.clone()).collect();
    assert_eq!(events, ["order.deleted", "order.paid"]);
    assert!(saved.on_change_rules.get("mine").is_some());
    assert_eq!(outbox(conn).len(), 1);

    // One that changed nothing about its rules takes none away, also with a changeset.
    let rules = Some(stale.on_change_rules.clone());
    let saved = stale.update_and_follow(conn).unwrap();
    assert_eq!(saved.on_change_rules.len(), 2);
    let changes = OrderChanges { on_change_rules: rules, ..OrderChanges::default() };
    let saved = changes.update_and_follow(saved.id, conn).unwrap();
    assert_eq!(saved.on_change_rules.len(), 2);

    // And what a caller takes out is gone.
    let mut fewer = saved.clone();
    fewer.on_change_rules.remove("mine").unwrap();
    assert_eq!(fewer.update_and_follow(conn).unwrap().on_change_rules.len(), 1);
    assert_eq!(reload(conn, saved.id).on_change_rules.len(), 1);
}

#[test]
fn a_rule_attached_in_the_same_save_fires() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let mut order = stored(conn, "1", vec![]);
    order.on_change_rules.push(paid());
    order.status = "paid".into();
    let saved = order.update_and_follow(conn).unwrap();
    assert!(saved.on_change_rules.is_empty());
    assert_eq!(topics(conn), ["order.paid"]);
}

#[test]
fn a_wrong_rule_is_refused_and_nothing_is_written() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let wrong: Vec<Rule> = vec![
        Rule::when("statsu").eql("paid").emit_topic("order.paid", json!({})),
        Rule::when("status").gt(json!([])).emit_topic("order.paid", json!({})),
        Rule::when("status").eql("paid").emit_topic("order.payed", json!({})),
        Rule::when("status").eql("paid").emit_topic("secret.leaked", json!({"id": "{{ id }}"})),
    ];
    for rule in wrong {
        let mut order = stored(conn, &uuid::Uuid::now_v7().to_string(), vec![]);
        let before = order.clone();
        order.on_change_rules.push(rule.clone());
        let refused = order.update_and_follow(conn).unwrap_err();
        assert!(matches!(&refused, Error::Follow(FollowError::Attach { .. })), "{refused}");
        assert!(refused.to_string().contains(&rule.id), "{refused}");
        assert_eq!(reload(conn, before.id), before);
        // In a transaction of Diesel's own error type too.
        let refused = conn.transaction::<_, DieselError, _>(|conn| {
            Ok(new_order("never", vec![rule.clone()]).insert_and_follow(conn)?)
        });
        assert!(matches!(&refused, Err(DieselError::QueryBuilderError(_))), "{refused:?}");
    }
    assert_eq!(outbox(conn).len(), 0);
    assert!(new_order("never", vec![]).insert_and_follow(conn).is_ok());
}

#[test]
fn rules_that_stand_broken_stop_nobody() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let broken = r#"{"no": "rule"}"#;
    let rules = stored_rules(conn, order.id).replacen('[', &format!("[{broken}, "), 1);
    let id = order.id;
    diesel::sql_query(format!("UPDATE orders SET on_change_rules = '{rules}' WHERE id = {id}")).execute(conn).unwrap();
    let saved = only_status("paid").update_and_follow(order.id, conn).unwrap();
    assert_eq!(topics(conn), ["order.paid"]);
    assert_eq!((saved.on_change_rules.len(), saved.on_change_rules.broken().count()), (1, 1));
}

#[test]
fn a_row_that_is_not_there_is_not_found() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let missing = only_status("paid").update_and_follow(4711, conn);
    assert!(matches!(missing, Err(Error::Database(DieselError::NotFound))));
    let order = stored(conn, "1", vec![]);
    order.clone().delete_and_follow(conn).unwrap();
    let missing = order.update_and_follow(conn);
    assert!(matches!(missing, Err(Error::Database(DieselError::NotFound))));
    // The connection is as good as before.
    stored(conn, "2", vec![]);
}

#[test]
fn a_changeset_without_changes_is_diesels_to_report() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid()]);
    let empty = OrderChanges::default().update_and_follow(order.id, conn);
    assert!(matches!(empty, Err(Error::Database(DieselError::QueryBuilderError(_)))));
}

#[test]
fn what_the_database_makes_of_the_row_decides() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let large = Rule::when(Order::TOTAL).gte(200);
    let large = large.emit::<crate::support::events::OrderLarge>(json!({"id": "{{ id }}", "total": "{{ total }}"}));
    let order = stored(conn, "1", vec![large]);
    assert_eq!(order.total, 100);
    let saved = OrderChanges { amount: Some(100), ..OrderChanges::default() };
    let saved = saved.update_and_follow(order.id, conn).unwrap();
    assert_eq!((saved.total, saved.on_change_rules.len()), (200, 0));
    assert_eq!(reload(conn, order.id), saved);
    assert_eq!(outbox(conn)[0].payload(), json!({"id": order.id, "total": 200}));

    // What the caller wrote is "paid", what the database got is "PAID".
    let order = stored(conn, "2", vec![paid()]);
    let saved = Shouted { status: Upper::of("paid") }.update_and_follow(order.id, conn).unwrap();
    assert_eq!((saved.status.as_str(), saved.on_change_rules.len()), ("PAID", 1));
    assert_eq!(reload(conn, order.id), saved);
    assert_eq!(topics(conn), ["order.large"]);
    let saved = Unseen { status: "paid" }.update_and_follow(order.id, conn).unwrap();
    assert_eq!(reload(conn, order.id), saved);
    assert_eq!(saved.on_change_rules.len(), 0);
    assert_eq!(topics(conn), ["order.large", "order.paid"]);
}

#[test]
fn what_another_adapter_left_in_a_note_comes_first() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = noted(conn, "1");
    let saved = only_status("paid").update_and_follow(order.id, conn).unwrap();
    assert_eq!(saved.on_change_rules.note(), None);
    assert_eq!(topics(conn), ["order.created", "order.paid"]);
    let order = noted(conn, "2");
    order.delete_and_follow(conn).unwrap();
    assert_eq!(topics(conn)[2..], ["order.created", "order.deleted"]);
    let left = diesel::sql_query("DELETE FROM celerysalt_pending").execute(conn);
    assert_eq!(left, Ok(0), "an intent has ended with its row");
}

#[test]
fn a_row_that_another_adapter_is_deleting_is_told_as_it_is() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let order = stored(conn, "1", vec![paid(), deleted()]);
    let intent = uuid::Uuid::now_v7();
    let claim = json!({"celerysalt": {"claim": {"id": intent, "at": "2026-02-01T00:00:00Z", "events": []}}});
    put_note(conn, order.id, intent, &claim);
    let saved = only_status("paid").update_and_follow(order.id, conn).unwrap();
    let told = announced(conn);
    assert_eq!((&told["events"][0]["topic"], &told["events"][0]["payload"]["status"]), (&json!("order.deleted"), &json!("paid")));
    saved.delete_and_follow(conn).unwrap();
    assert_eq!(topics(conn), ["order.paid", "order.deleted"]);
    assert_eq!(announced(conn), json!({"events": [], "transitions": []}));
}

/// An order that SeaORM saved without a transaction, and died.
fn noted(conn: &mut Conn, number: &str) -> Order {
    let order = stored(conn, number, vec![paid(), deleted()]);
    let event = json!({"id": uuid::Uuid::now_v7(), "topic": "order.created", "version": "v1",
        "payload": {"id": order.id, "status": "new"}, "meta": {"aggregate": order.number}});
    let intent = uuid::Uuid::now_v7();
    let note = json!({"celerysalt": {"save": {"id": intent, "events": [event]}}});
    put_note(conn, order.id, intent, &note);
    reload(conn, order.id)
}

/// Leaves in a row what a save of SeaORM without a transaction leaves.
fn put_note(conn: &mut Conn, order: i32, intent: uuid::Uuid, note: &serde_json::Value) {
    let pending = format!(
        "INSERT INTO celerysalt_pending (id, model, operation, created_at) VALUES ('{intent}', 'order', 'update', '2026-01-01')"
    );
    diesel::sql_query(pending).execute(conn).unwrap();
    let rules = stored_rules(conn, order).replacen('[', &format!("[{note}, "), 1);
    diesel::sql_query(format!("UPDATE orders SET on_change_rules = '{rules}' WHERE id = {order}")).execute(conn).unwrap();
}

#[test]
fn a_composite_key_and_rules_in_code() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let seat = Seat { hall: "great".into(), seat: 7, guest: None, rules: Rules::new() };
    let mut seat = seat.save_and_follow(conn).unwrap();
    seat.guest = Some("Ada".into());
    let mut seat = seat.save_and_follow(conn).unwrap();
    // `treat_none_as_null`: the guest leaves.
    seat.guest = None;
    let seat = seat.update_and_follow(conn).unwrap();
    assert_eq!(seat.guest, None);
    let fired = outbox(conn);
    let guests: Vec<_> = fired.iter().map(|fired| fired.payload()["guest"].clone()).collect();
    assert_eq!(guests, [json!("Ada"), json!(null)]);
    assert_eq!(fired[0].aggregate.as_deref(), Some("seats:great,7"));
    assert!(celerysalt_diesel::check_code_rules::<Seat>().is_ok());
    let named = Seat { hall: r"great,7\".into(), ..seat };
    assert_eq!(celerysalt_diesel::Follow::aggregate(&named), r"seats:great\,7\\,7");
}

#[test]
fn a_changeset_that_carries_its_key_saves_as_a_model_does() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let booking = |guest| Booking { hall: "great", seat: 7, guest };
    let missing = booking(Some("Ada")).update_and_follow(conn).unwrap_err();
    assert!(matches!(missing, Error::Database(DieselError::NotFound)), "{missing:?}");
    // It is not there, so it is inserted; the next time it is changed.
    assert_eq!(booking(None).save_and_follow(conn).unwrap().guest, None);
    let seat = booking(Some("Ada")).save_and_follow(conn).unwrap();
    assert_eq!((seat.hall.as_str(), seat.guest.as_deref()), ("great", Some("Ada")));
    let seat = booking(Some("Bob")).update_and_follow(conn).unwrap();
    assert_eq!(seat.guest.as_deref(), Some("Bob"));
    let guests: Vec<_> = outbox(conn).iter().map(|fired| fired.payload()["guest"].clone()).collect();
    assert_eq!(guests, [json!("Ada"), json!("Bob")]);
    assert_eq!(Booking { seat: 8, ..booking(None) }.insert_and_follow(conn).unwrap().seat, 8);
    assert_eq!(booking(None).delete_and_follow(conn).unwrap(), 1);
    assert_eq!(booking(None).delete_and_follow(conn).unwrap(), 0);
    let eighth = Booking { seat: 8, ..booking(None) };
    assert_eq!(eighth.delete_and_follow(conn).unwrap(), 1);
}

#[test]
fn several_events_keep_their_order() {
    let test = TestDb::new();
    let conn = &mut test.connect();
    let rules = (0..9).map(|n| paid().id(format!("rule-{n}"))).collect();
    let order = stored(conn, "1", rules);
    only_status("paid").update_and_follow(order.id, conn).unwrap();
    let ids: Vec<_> = outbox(conn).iter().map(|fired| fired.rule_id()).collect();
    let expected: Vec<_> = (0..9).map(|n| format!("rule-{n}")).collect();
    assert_eq!(ids, expected);
}

use diesel::RunQueryDsl;
