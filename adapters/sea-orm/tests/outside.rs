//! What stands outside of the row: the history that saves leave, and rules of a table.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "outside/waiting.rs"]
mod waiting;

use std::sync::Arc;

use celerysalt::rule_table::{self, MemoryRules, RuleTable};
use celerysalt::rules::Rule;
use celerysalt::testing::TestClock;
use celerysalt::{actor, clock};
use celerysalt_sea_orm::{Follow, FollowMany, Rules, recover};
use chrono::{TimeDelta, Utc};
use kept::Entity as Kept;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, EntityTrait, Statement, TransactionTrait,
};
use serde_json::json;
use support::failing::Failing;
use support::models::{OrderPaid, deleted, paid};
use support::paths::IN_TRANSACTION;
use support::statements::{take, watched};
use support::{PATHS, count, is_mysql, outbox};

/// The orders, with a history.
pub mod kept {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "orders")]
    #[follow(name = "kept", history("remark"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub number: String,
        #[sea_orm(column_name = "state")]
        pub status: String,
        #[sea_orm(column_type = "Decimal(Some((30, 10)))")]
        pub amount: Decimal,
        pub remark: Option<String>,
        pub on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
}

on_each! {
    async fn history_goes_with_the_save_on_every_way(test: &TestDb) {
        for path in PATHS {
            let (before, events) = (history(&test.db).await.len(), outbox(&test.db).await.len());
            let mut new = order(&format!("{path:?}"), vec![paid(), deleted()]);
            new.remark = Set(Some("fresh".to_owned()));
            let order = path.insert(&test.db, new).await.unwrap();
            let change = kept::ActiveModel { status: Set("paid".to_owned()), remark: Set(None), ..key(order.id) };
            actor::scope("ada", path.update(&test.db, change)).await.unwrap();
            // What stays the same leaves nothing.
            let same = kept::ActiveModel { status: Set("shipped".to_owned()), remark: Set(None), ..key(order.id) };
            path.update(&test.db, same).await.unwrap();
            let order = reload(&test.db, order.id).await;
            path.delete(&test.db, order.clone()).await.unwrap();

            let left = history(&test.db).await.split_off(before);
            let lines: Vec<_> = left.iter().map(|t| format!("{} {} {} {}", t.operation, t.field, t.old, t.new)).collect();
            let expected = [r#"insert remark null "fresh""#, r#"update status "new" "paid""#, r#"update remark "fresh" null"#, r#"delete status "shipped" null"#];
            assert_eq!(lines, expected, "{path:?}");
            assert!(left.iter().all(|t| t.model == "kept" && t.aggregate == format!("kept:{}", order.id)), "{left:?}");
            let actors: Vec<_> = left.iter().map(|t| t.actor.as_deref()).collect();
            assert_eq!(actors, [None, Some("ada"), Some("ada"), None], "{path:?}");
            let fired: Vec<_> = outbox(&test.db).await.split_off(events).into_iter().map(|event| Some(event.id)).collect();
            assert_eq!([&left[1].event_id, &left[3].event_id], [&fired[0], &fired[1]], "{path:?}");
            assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{path:?}");
        }
    }

    async fn a_rolled_back_save_leaves_no_history(test: &TestDb) {
        let stored = stored(&test.db, "stored", vec![paid()]).await;
        for path in IN_TRANSACTION {
            let own = test.db.begin().await.unwrap();
            let mut new = order(&format!("{path:?}"), vec![]);
            new.remark = Set(Some("never".to_owned()));
            path.insert_in(&own, new).await.unwrap();
            let change = kept::ActiveModel { status: Set("paid".to_owned()), remark: Set(Some("never".to_owned())), ..key(stored) };
            path.update_in(&own, change).await.unwrap();
            own.rollback().await.unwrap();
            assert_eq!(history(&test.db).await.len(), 0, "{path:?}");
        }
    }

    async fn the_history_of_a_save_on_a_pool_is_whole_wherever_it_dies(test: &TestDb) {
        let mut finished = 0;
        for steps in 1..20 {
            for arrives in [false, true] {
                let before = history(&test.db).await.len();
                let number = format!("{steps} {arrives}");
                let id = stored(&test.db, &number, vec![paid(), deleted()]).await;
                let dying = Failing::new(&test.db, steps, arrives);
                let change = kept::ActiveModel { status: Set("paid".to_owned()), remark: Set(Some("r".to_owned())), ..key(id) };
                let _ = change.update(&dying).await;
                recover_now_and_later(&test.db).await;
                let now = reload(&test.db, id).await;
                let expected = if now.status == "paid" { 2 } else { 0 };
                assert_eq!(history(&test.db).await.len() - before, expected, "{number}");

                let dying = Failing::new(&test.db, steps, arrives);
                let _ = sea_orm::ModelTrait::delete(now, &dying).await;
                recover_now_and_later(&test.db).await;
                let gone = Kept::find_by_id(id).one(&test.db).await.unwrap().is_none();
                // Of the delete rule, and of the remark that goes.
                let of_delete = if gone { 1 + usize::from(expected > 0) } else { 0 };
                assert_eq!(history(&test.db).await.len() - before - expected, of_delete, "{number}");
                assert_eq!(count(&test.db, "celerysalt_pending").await, 0, "{number}");
                finished += usize::from(dying.is_alive());
            }
        }
        assert!(finished > 0);
    }

    async fn a_bulk_save_keeps_the_history_of_each_row(test: &TestDb) {
        for number in ["a", "b", "c"] {
            stored(&test.db, number, vec![paid(), deleted()]).await;
        }
        let done = Kept::follow_update_many().col_expr(kept::Column::Status, Expr::value("paid")).exec(&test.db).await.unwrap();
        assert_eq!((done.events, history(&test.db).await.len()), (3, 3));
        Kept::follow_delete_many().exec(&test.db).await.unwrap();
        assert_eq!(history(&test.db).await.len(), 6);
    }

    async fn a_rule_put_into_the_table_fires_on_the_next_save_of_any_row(test: &TestDb) {
        let model = support::order::Entity::followed().definition();
        rule_table::scope(async {
            let table = RuleTable::new(Arc::new(MemoryRules::new()));
            for path in PATHS {
                let before = outbox(&test.db).await.len();
                let id = support::paths::stored_order(&test.db, &format!("{path:?}"), vec![]).await.id;
                let save = |status: &'static str| path.update(&test.db, support::paths::only_status(id, status));
                save("early").await.unwrap();
                let rule = Rule::when("status").changed().emit::<OrderPaid>(json!({"id": "{{ id }}", "amount": "{{ amount }}"}));
                table.put(model, rule.id("moved")).await.unwrap();
                table.load().await.unwrap();
                save("late").await.unwrap();
                save("late").await.unwrap();
                save("later").await.unwrap();
                assert_eq!(outbox(&test.db).await.len(), before + 2, "{path:?}");
                table.remove(model.name(), "moved").await.unwrap();
                table.load().await.unwrap();
                save("last").await.unwrap();
                assert_eq!(outbox(&test.db).await.len(), before + 2, "{path:?}");
                assert_eq!(support::stored_rules(&test.db, id).await, "[]", "{path:?}");
            }
        })
        .await;
    }

    async fn history_adds_one_insert_to_a_save_that_leaves_some(test: &TestDb) {
        let (db, sent) = watched(test).await;
        let id = stored(&test.db, "watched", vec![paid()]).await;
        let own = db.begin().await.unwrap();
        kept::ActiveModel { status: Set("paid".to_owned()), remark: Set(Some("r".to_owned())), ..key(id) }.update(&own).await.unwrap();
        own.commit().await.unwrap();
        let inserts: Vec<_> = take(&sent).into_iter().filter(|sql| sql.starts_with("INSERT")).collect();
        assert_eq!(inserts, ["INSERT celerysalt_outbox", "INSERT celerysalt_transitions"]);
    }
}

fn order(number: &str, rules: Vec<Rule>) -> kept::ActiveModel {
    kept::ActiveModel {
        number: Set(number.to_owned()),
        status: Set("new".to_owned()),
        amount: Set("12.50".parse().unwrap()),
        on_change_rules: Set(Rules::from(rules)),
        ..Default::default()
    }
}

/// An order that stands in the database, put there without hooks.
async fn stored(db: &DatabaseConnection, number: &str, rules: Vec<Rule>) -> i32 {
    let insert = Kept::insert(order(number, rules));
    insert.exec(db).await.unwrap().last_insert_id
}

async fn reload(db: &DatabaseConnection, id: i32) -> kept::Model {
    Kept::find_by_id(id).one(db).await.unwrap().unwrap()
}

fn key(id: i32) -> kept::ActiveModel {
    kept::ActiveModel {
        id: Unchanged(id),
        ..Default::default()
    }
}

async fn recover_now_and_later(db: &DatabaseConnection) {
    assert_eq!(recover(db).await.unwrap().failed, 0);
    let later = TestClock::at(Utc::now() + TimeDelta::minutes(11));
    let found = clock::scope(Arc::new(later), recover(db)).await;
    assert_eq!(found.unwrap().failed, 0);
}

/// A row of the history.
#[derive(Debug)]
struct Transition {
    model: String,
    aggregate: String,
    operation: String,
    field: String,
    old: serde_json::Value,
    new: serde_json::Value,
    event_id: Option<String>,
    actor: Option<String>,
}

/// The history, in order.
async fn history(db: &DatabaseConnection) -> Vec<Transition> {
    let text = if is_mysql(db) { "char" } else { "text" };
    let sql = format!(
        "SELECT model, aggregate, operation, field, old_value, new_value, CAST(event_id AS {text}) AS event_id, actor
         FROM celerysalt_transitions ORDER BY at, id"
    );
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    let read = |row: &sea_orm::QueryResult| Transition {
        model: row.try_get("", "model").unwrap(),
        aggregate: row.try_get("", "aggregate").unwrap(),
        operation: row.try_get("", "operation").unwrap(),
        field: row.try_get("", "field").unwrap(),
        old: json_or_null(row, "old_value"),
        new: json_or_null(row, "new_value"),
        event_id: row.try_get("", "event_id").unwrap(),
        actor: row.try_get("", "actor").unwrap(),
    };
    rows.iter().map(read).collect()
}

fn json_or_null(row: &sea_orm::QueryResult, column: &str) -> serde_json::Value {
    let value: Option<serde_json::Value> = row.try_get("", column).unwrap();
    value.unwrap_or_default()
}
