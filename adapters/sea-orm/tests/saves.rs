//! Every way to save, on both databases: what fires, what does not, what becomes of the rules.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use celerysalt::rules::Rule;
use celerysalt_sea_orm::Rules;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, IntoActiveModel, TransactionTrait};
use serde_json::json;
use support::models::{created, deleted, paid};
use support::paths::{
    self, IN_TRANSACTION, new_order, only_status, reload, stored_order, with_status,
};
use support::{PATHS, count, order, outbox, stored_rules, topics};

on_each! {
    async fn an_update_fires_once_and_spends_the_rule(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid()]).await;
            let saved = path.update(&test.db, with_status(&order, "paid")).await.unwrap();
            assert_eq!(saved.status, "paid", "{path:?}");
            assert!(saved.on_change_rules.is_empty(), "{path:?}");
            assert!(saved.on_change_rules.note().is_none(), "{path:?}");
            assert_eq!(stored_rules(&test.db, order.id).await, "[]", "{path:?}");
            let fired = outbox(&test.db).await.split_off(before);
            assert_eq!(fired.len(), 1, "{path:?}");
            assert_eq!(fired[0].topic, "order.paid");
            assert_eq!(fired[0].aggregate, Some(format!("order:{}", order.id)));
            let rule = order.on_change_rules.iter().next().unwrap();
            assert_eq!(fired[0].meta["rule_id"], json!(rule.id));
            // Again to paid: the rule is gone.
            path.update(&test.db, with_status(&saved, "new")).await.unwrap();
            path.update(&test.db, only_status(order.id, "paid")).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
        }
    }

    async fn an_insert_fires_with_the_key_that_the_database_made(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let new = new_order(&format!("{path:?}"), vec![created(), paid()]);
            let saved = path.insert(&test.db, new).await.unwrap();
            let left: Vec<_> = saved.on_change_rules.iter().map(|rule| rule.event_class.clone()).collect();
            assert_eq!(left, ["order.paid"], "{path:?}");
            assert!(saved.on_change_rules.note().is_none(), "{path:?}");
            assert_eq!(reload(&test.db, saved.id).await, saved, "{path:?}");
            let fired = outbox(&test.db).await.split_off(before);
            assert_eq!(fired.len(), 1, "{path:?}");
            assert_eq!(fired[0].topic, "order.created");
            assert_eq!(fired[0].aggregate, Some(format!("order:{}", saved.id)));
            assert_eq!(fired[0].payload["id"].to_string().trim_matches('"'), saved.id.to_string());
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
        }
    }

    async fn a_save_is_an_insert_or_an_update(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let new = new_order(&format!("{path:?}"), vec![created(), paid()]);
            let mut saved = path.save(&test.db, new).await.unwrap();
            saved.status = Set("paid".to_owned());
            let saved = path.save(&test.db, saved).await.unwrap();
            assert_eq!(saved.status.unwrap(), "paid");
            let fired: Vec<_> = topics(&test.db).await.split_off(before);
            assert_eq!(fired, ["order.created", "order.paid"], "{path:?}");
        }
    }

    async fn a_delete_fires_when_the_row_is_gone(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![deleted()]).await;
            assert_eq!(path.delete(&test.db, order.clone()).await.unwrap(), 1, "{path:?}");
            let fired = outbox(&test.db).await.split_off(before);
            assert_eq!(fired.len(), 1, "{path:?}");
            assert_eq!(fired[0].topic, "order.deleted");
            // Deleting what is not there fires nothing.
            assert_eq!(path.delete(&test.db, order).await.unwrap(), 0, "{path:?}");
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
        }
    }

    async fn a_delete_that_a_trigger_refuses_without_a_word_fires_nothing(test: &TestDb) {
        if support::is_mysql(&test.db) {
            return; // A trigger of MySQL cannot keep a row without an error.
        }
        let refuse: &[&str] = if support::is_postgres(&test.db) {
            &["CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
              "CREATE TRIGGER stay BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION stay()"]
        } else {
            &["CREATE TRIGGER stay BEFORE DELETE ON orders BEGIN SELECT RAISE(IGNORE); END"]
        };
        for sql in refuse {
            test.db.execute_unprepared(sql).await.unwrap();
        }
        for path in PATHS {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![deleted()]).await;
            assert_eq!(path.delete(&test.db, order.clone()).await.unwrap(), 0, "{path:?}");
            assert_eq!(outbox(&test.db).await.len(), 0, "{path:?}");
            assert_eq!(reload(&test.db, order.id).await, order, "{path:?}");
        }
    }

    async fn a_rolled_back_save_fires_nothing(test: &TestDb) {
        for path in IN_TRANSACTION {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid(), deleted()]).await;
            let own = test.db.begin().await.unwrap();
            path.update_in(&own, with_status(&order, "paid")).await.unwrap();
            path.insert_in(&own, new_order("other", vec![created()])).await.unwrap();
            own.rollback().await.unwrap();

            let own = test.db.begin().await.unwrap();
            path.update_in(&own, with_status(&order, "paid")).await.unwrap();
            drop(own);

            let own = test.db.begin().await.unwrap();
            path.delete_in(&own, order.clone()).await.unwrap();
            own.rollback().await.unwrap();

            assert_eq!(outbox(&test.db).await.len(), 0, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
            assert_eq!(reload(&test.db, order.id).await, order, "{path:?}");
        }
    }

    async fn a_rolled_back_savepoint_fires_nothing_when_the_rest_is_committed(test: &TestDb) {
        for path in IN_TRANSACTION {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid()]).await;
            let outer = test.db.begin().await.unwrap();
            let inner = outer.begin().await.unwrap();
            path.update_in(&inner, with_status(&order, "paid")).await.unwrap();
            inner.rollback().await.unwrap();
            outer.commit().await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), 0, "{path:?}");
            assert_eq!(reload(&test.db, order.id).await, order, "{path:?}");
        }
    }

    async fn a_failed_update_fires_nothing(test: &TestDb) {
        stored_order(&test.db, "taken", vec![]).await;
        for path in PATHS {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid()]).await;
            let mut clash = with_status(&order, "paid");
            clash.number = Set("taken".to_owned());
            let failed = path.update(&test.db, clash.clone()).await.unwrap_err();
            assert!(matches!(failed.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_))), "{failed:?}");
            assert_eq!(outbox(&test.db).await.len(), 0, "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
            assert_eq!(reload(&test.db, order.id).await, order, "{path:?}");
        }
        // Caught, and what else is in the transaction is committed.
        for path in IN_TRANSACTION {
            let order = stored_order(&test.db, &format!("caught {path:?}"), vec![paid()]).await;
            let own = test.db.begin().await.unwrap();
            let kept = stored_in(&own, &format!("kept {path:?}")).await;
            let inner = own.begin().await.unwrap();
            let mut clash = with_status(&order, "paid");
            clash.number = Set("taken".to_owned());
            path.update_in(&inner, clash).await.unwrap_err();
            if support::is_postgres(&own) {
                inner.rollback().await.unwrap(); // PostgreSQL allows nothing else.
            } else {
                inner.commit().await.unwrap();
            }
            own.commit().await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), 0, "{path:?}");
            assert_eq!(reload(&test.db, kept).await.status, "new");
        }
    }

    async fn an_unchanged_value_fires_nothing(test: &TestDb) {
        for path in PATHS {
            let order = stored_order(&test.db, &format!("{path:?}"), vec![]).await;
            path.update(&test.db, only_status(order.id, "paid")).await.unwrap();
            let mut attach = order.clone().into_active_model();
            attach.on_change_rules = Set(Rules::from(vec![paid()]));
            path.update(&test.db, attach).await.unwrap();
            path.update(&test.db, only_status(order.id, "paid")).await.unwrap();
            let mut amount = reload(&test.db, order.id).await.into_active_model();
            amount.amount = Set("99".parse().unwrap());
            path.update(&test.db, amount).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), 0, "{path:?}");
            assert_eq!(reload(&test.db, order.id).await.on_change_rules.len(), 1, "{path:?}");
        }
    }

    async fn a_persistent_rule_stays(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let order = stored_order(&test.db, &format!("{path:?}"), vec![paid().persistent()]).await;
            for status in ["paid", "new", "paid"] {
                path.update(&test.db, only_status(order.id, status)).await.unwrap();
            }
            assert_eq!(outbox(&test.db).await.len(), before + 2, "{path:?}");
            let now = reload(&test.db, order.id).await;
            assert_eq!(now.on_change_rules, order.on_change_rules, "{path:?}");
        }
    }

    async fn a_stale_caller_neither_revives_nor_loses_rules(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let stale = stored_order(&test.db, &format!("{path:?}"), vec![paid()]).await;
            path.update(&test.db, only_status(stale.id, "paid")).await.unwrap();
            let mut attach = reload(&test.db, stale.id).await;
            attach.on_change_rules.push(deleted());
            path.update(&test.db, attach.into_active_model()).await.unwrap();

            // The stale caller writes everything it knows, and adds a rule of its own.
            let mut writes = stale.clone();
            writes.on_change_rules.push(paid().id("mine"));
            let saved = path.update(&test.db, writes.into_active_model().reset_all()).await.unwrap();
            let ids: Vec<_> = saved.on_change_rules.iter().map(|rule| rule.event_class.clone()).collect();
            assert_eq!(ids, ["order.deleted", "order.paid"], "{path:?}");
            assert!(saved.on_change_rules.get("mine").is_some(), "{path:?}");
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");

            // One that changed nothing about its rules writes none.
            let saved = path.update(&test.db, stale.into_active_model().reset_all()).await.unwrap();
            assert_eq!(saved.on_change_rules.len(), 2, "{path:?}");
        }
    }

    async fn what_a_stale_caller_remembers_counts_for_nothing(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let stale = stored_order(&test.db, &format!("{path:?}"), vec![paid().persistent()]).await;
            let mut dearer = stale.clone().into_active_model();
            dearer.amount = Set("99.5".parse().unwrap());
            path.update(&test.db, dearer).await.unwrap();
            // Its other fields are not written, so the row's own count: in the event, and as old values.
            path.update(&test.db, with_status(&stale, "paid")).await.unwrap();
            let fired = outbox(&test.db).await.split_off(before);
            let amount: rust_decimal::Decimal = fired[0].payload["amount"].as_str().unwrap().parse().unwrap();
            assert_eq!(amount.to_string().trim_end_matches('0'), "99.5", "{path:?}");
            // It remembers another status than the row has by now: nothing changes.
            path.update(&test.db, with_status(&stale, "paid")).await.unwrap();
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
        }
    }

    async fn a_rule_attached_in_the_same_save_fires(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let mut order = stored_order(&test.db, &format!("{path:?}"), vec![]).await;
            order.on_change_rules.push(paid());
            let saved = path.update(&test.db, with_status(&order, "paid")).await.unwrap();
            assert!(saved.on_change_rules.is_empty(), "{path:?}");
            assert_eq!(outbox(&test.db).await.len(), before + 1, "{path:?}");
        }
    }

    async fn a_wrong_rule_is_refused_before_anything_is_written(test: &TestDb) {
        let wrong: Vec<Rule> = vec![
            Rule::when("statsu").eql("paid").emit_topic("order.paid", json!({})),
            Rule::when("status").eql("paid").emit_topic("order.payed", json!({})),
            Rule::when("status").eql("paid").emit_topic("secret.leaked", json!({"id": "{{ id }}"})),
        ];
        for path in PATHS {
            for rule in &wrong {
                let mut order = stored_order(&test.db, &uuid::Uuid::now_v7().to_string(), vec![]).await;
                let before = order.clone();
                order.on_change_rules.push(rule.clone());
                let refused = path.update(&test.db, with_status(&order, "paid")).await.unwrap_err();
                assert!(matches!(&refused, DbErr::Custom(text) if text.contains(&rule.id)), "{refused}");
                assert_eq!(reload(&test.db, order.id).await, before, "{path:?}");
                let refused = path.insert(&test.db, new_order("never", vec![rule.clone()])).await.unwrap_err();
                assert!(matches!(refused, DbErr::Custom(_)), "{refused}");
            }
        }
        assert_eq!(outbox(&test.db).await.len(), 0);
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    }

    async fn a_row_that_is_not_there_is_seaorms_to_report(test: &TestDb) {
        for path in PATHS {
            let missing = path.update(&test.db, only_status(4711, "paid")).await.unwrap_err();
            assert_eq!(missing, DbErr::RecordNotUpdated, "{path:?}");
            let keyless = order::ActiveModel { id: NotSet, ..only_status(1, "paid") };
            let keyless = path.update(&test.db, keyless).await.unwrap_err();
            assert_eq!(keyless, DbErr::PrimaryKeyNotSet { ctx: "UpdateOne" }, "{path:?}");
        }
    }

    async fn update_without_returning_fires_too(test: &TestDb) {
        let order = stored_order(&test.db, "pool", vec![paid()]).await;
        with_status(&order, "paid").update_without_returning(&test.db).await.unwrap();
        assert_eq!(topics(&test.db).await, ["order.paid"]);
        let order = stored_order(&test.db, "transaction", vec![paid()]).await;
        let own = test.db.begin().await.unwrap();
        with_status(&order, "paid").update_without_returning(&own).await.unwrap();
        own.commit().await.unwrap();
        assert_eq!(reload(&test.db, order.id).await.status, "paid");
        assert_eq!(topics(&test.db).await.len(), 2);
    }

    async fn several_events_keep_their_order(test: &TestDb) {
        for path in PATHS {
            let before = outbox(&test.db).await.len();
            let rules = vec![paid().id("first"), paid().persistent().id("second"), paid().id("third")];
            let order = stored_order(&test.db, &format!("{path:?}"), rules).await;
            path.update(&test.db, with_status(&order, "paid")).await.unwrap();
            let fired = outbox(&test.db).await.split_off(before);
            let rules: Vec<_> = fired.iter().map(|event| event.meta["rule_id"].clone()).collect();
            assert_eq!(rules, ["first", "second", "third"], "{path:?}");
        }
    }
}

async fn stored_in<C: ConnectionTrait>(db: &C, number: &str) -> i32 {
    use sea_orm::EntityTrait;
    let insert = order::Entity::insert(paths::new_order(number, vec![]));
    insert.exec(db).await.unwrap().last_insert_id
}
