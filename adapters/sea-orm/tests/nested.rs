//! Nested saves of SeaORM's dense format: every row that they change fires, in the transaction that SeaORM begins.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

#[path = "nested/models.rs"]
mod models;
mod support;

use celerysalt_sea_orm::FollowSave;
use models::{customer, line, note, purchase, tag};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, IntoActiveModel, SqlErr, TransactionTrait,
};
use support::{TestDb, count, outbox};

on_each! {
    async fn a_new_tree_fires_for_every_row(test: &TestDb) {
        tables(test).await;
        tree("a").insert(&test.db).await.unwrap();
        assert_eq!(fired(test, 0).await, ["customer new", "purchase open", "line a1", "line a2", "link on", "link on"]);

        // In a transaction of the caller's as well, and with it only.
        let own = test.db.begin().await.unwrap();
        tree("b").save(&own).await.unwrap();
        own.rollback().await.unwrap();
        assert_eq!((fired(test, 6).await.len(), count(&test.db, "purchase_lines").await), (0, 2));
        let own = test.db.begin().await.unwrap();
        tree("b").save(&own).await.unwrap();
        own.commit().await.unwrap();
        assert_eq!(fired(test, 6).await.len(), 6);
        assert_eq!(count(&test.db, "celerysalt_pending").await, 0);
    }

    async fn a_tree_that_changes_fires_for_what_changed(test: &TestDb) {
        tables(test).await;
        tree("a").insert(&test.db).await.unwrap();
        let loaded = load(test).await;
        let mut tree = loaded.into_active_model();
        tree.state = Set("paid".to_owned());
        tree.customer.as_mut().unwrap().state = Set("busy".to_owned());
        let mut lines = std::mem::take(&mut tree.lines).into_vec();
        assert_eq!(lines.len(), 2);
        lines[1].sku = Set("a3".to_owned());
        lines.remove(0);
        lines.push(line::ActiveModel::builder().set_sku("a4"));
        tree.lines.replace_all(lines);
        let mut tags = std::mem::take(&mut tree.tags).into_vec();
        tags.remove(0);
        tree.tags.replace_all(tags);
        tree.save(&test.db).await.unwrap();
        let mut now = fired(test, 6).await;
        now.sort();
        assert_eq!(now, ["customer busy", "line a3", "line a4", "line no a1", "link off", "purchase paid"]);
        assert_eq!((count(&test.db, "purchase_lines").await, count(&test.db, "purchase_tags").await), (2, 1));

        // The same tree again changes nothing, and fires nothing.
        load(test).await.into_active_model().save(&test.db).await.unwrap();
        assert_eq!(fired(test, 12).await.len(), 0);
    }

    async fn a_tree_that_fails_in_its_last_row_fires_nothing_at_all(test: &TestDb) {
        tables(test).await;
        tree("a").insert(&test.db).await.unwrap();
        let tags = std::mem::take(&mut tree("b").tags);
        // The second line's number is taken.
        let mut clash = tree("b");
        clash.tags = tags;
        clash.lines.as_mut_vec()[1].sku = Set("a1".to_owned());
        let failed = clash.clone().insert(&test.db).await.unwrap_err();
        assert!(matches!(failed.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{failed}");
        assert_eq!((fired(test, 6).await.len(), count(&test.db, "customers").await), (0, 1));

        // Nor in a transaction that goes on, where SeaORM's own savepoint is rolled back.
        let own = test.db.begin().await.unwrap();
        clash.insert(&own).await.unwrap_err();
        tree("c").insert(&own).await.unwrap();
        own.commit().await.unwrap();
        assert_eq!((fired(test, 6).await.len(), count(&test.db, "customers").await), (6, 2));
    }

    async fn a_rule_that_is_wrong_keeps_the_whole_tree_out(test: &TestDb) {
        tables(test).await;
        let wrong = celerysalt::rules::Rule::when("skw").changed().emit_topic("nested.line", serde_json::json!({"to": "x"}));
        let mut bad = tree("a");
        bad.lines.as_mut_vec()[1].on_change_rules = Set(celerysalt_sea_orm::Rules::from(vec![wrong]));
        let refused = bad.insert(&test.db).await.unwrap_err();
        assert!(matches!(&refused, DbErr::Custom(text) if text.contains("skw")), "{refused}");
        assert_eq!((fired(test, 0).await.len(), count(&test.db, "customers").await), (0, 0));
    }

    async fn a_deep_delete_fires_for_the_rows_that_go(test: &TestDb) {
        tables(test).await;
        tree("a").insert(&test.db).await.unwrap();
        load(test).await.delete(&test.db).await.unwrap();
        // The links go by one statement of SeaORM's, which runs no hooks.
        assert_eq!(fired(test, 6).await, ["line no a1", "line no a2"]);
        assert_eq!((count(&test.db, "purchases").await, count(&test.db, "purchase_tags").await), (0, 0));
    }

    async fn models_of_the_compact_format_are_followed(test: &TestDb) {
        tables(test).await;
        let customer = customer::ActiveModel { state: Set("new".to_owned()), ..Default::default() };
        let customer = customer.insert(&test.db).await.unwrap();
        let new = note::ActiveModel { customer_id: Set(customer.id), state: Set("first".to_owned()), ..Default::default() };
        let mut note = new.insert(&test.db).await.unwrap().into_active_model();
        note.state = Set("second".to_owned());
        note.update_and_follow(&test.db).await.unwrap();
        assert_eq!(fired(test, 0).await, ["customer new", "customer first", "customer second"]);
    }
}

async fn tables(test: &TestDb) {
    for sql in models::tables(test.db.get_database_backend()) {
        test.db.execute_unprepared(&sql).await.unwrap();
    }
}

/// An order of two lines, of a new customer, with two tags.
fn tree(name: &str) -> purchase::ActiveModelEx {
    let line = |n: i32| line::ActiveModel::builder().set_sku(format!("{name}{n}"));
    let tag = |kind: &str| tag::ActiveModel::builder().set_name(format!("{kind} {name}"));
    purchase::ActiveModel::builder()
        .set_state("open")
        .set_customer(customer::ActiveModel::builder().set_state("new"))
        .add_line(line(1))
        .add_line(line(2))
        .add_tag(tag("red"))
        .add_tag(tag("green"))
}

async fn load(test: &TestDb) -> purchase::ModelEx {
    let load = purchase::Entity::load()
        .with(customer::Entity)
        .with(line::Entity)
        .with(tag::Entity);
    load.one(&test.db).await.unwrap().unwrap()
}

/// What the outbox holds after so many events.
async fn fired(test: &TestDb, after: usize) -> Vec<String> {
    let events = outbox(&test.db).await.split_off(after);
    let text = |event: &support::Fired| {
        let kind = event.topic.trim_start_matches("nested.");
        format!("{kind} {}", event.payload["to"].as_str().unwrap())
    };
    events.iter().map(text).collect()
}
