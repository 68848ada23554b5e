//! The law of bulk saves: they fire and leave behind what a loop of `update_and_follow` does.

use celerysalt::rules::Rule;
use celerysalt_sea_orm::{FollowMany, FollowSave, Rules};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, TransactionTrait,
};
use serde_json::json;

use super::all;
use crate::support::models::{OrderPaid, created, deleted, paid};
use crate::support::order::{self, Entity as Order};
use crate::support::{TestDb, outbox};

const STATUSES: [&str; 3] = ["new", "paid", "shipped"];

#[derive(Debug, Clone)]
struct Row {
    status: usize,
    amount: i64,
    rules: u32,
}

#[derive(Debug, Clone)]
struct Bulk {
    status: Option<usize>,
    factor: Option<i64>,
    only: Option<usize>,
    above: i64,
    chunk: usize,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..3_usize, -4..9_i64, 0..64_u32).prop_map(|(status, amount, rules)| Row {
        status,
        amount,
        rules,
    });
    prop::collection::vec(row, 0..9)
}

fn bulk() -> impl Strategy<Value = Bulk> {
    let status = prop::option::of(0..3_usize);
    (
        status,
        prop::option::of(0..3_i64),
        prop::option::of(0..3_usize),
        -4..6_i64,
        1..5_usize,
    )
        .prop_map(|(status, factor, only, above, chunk)| Bulk {
            status,
            factor,
            only,
            above,
            chunk,
        })
}

/// Rules that fire once and always, on states, amounts and guards, each known by its place.
fn rules(mask: u32) -> Rules {
    let amount = || json!({"id": "{{ id }}", "amount": "{{ amount }}"});
    let all = [
        paid(),
        paid().persistent(),
        Rule::when(order::Model::AMOUNT)
            .increased()
            .emit::<OrderPaid>(amount())
            .persistent(),
        Rule::when(order::Model::AMOUNT)
            .lt("0")
            .emit::<OrderPaid>(amount()),
        created(),
        deleted(),
    ];
    let chosen = all.into_iter().enumerate();
    let chosen = chosen.filter(|(at, _)| mask & (1 << at) != 0);
    chosen
        .map(|(at, rule)| rule.id(format!("rule-{at}")))
        .collect()
}

/// What stands in the database afterwards, but for what is made anew each time.
#[derive(Debug, PartialEq)]
struct After {
    rows: Vec<order::Model>,
    events: Vec<(String, serde_json::Value, Option<String>, serde_json::Value)>,
}

async fn after(db: &DatabaseTransaction) -> After {
    let events = outbox(db).await.into_iter().map(|event| {
        let rule = event.meta["rule_id"].clone();
        let mut payload = event.payload;
        // A zero that a caller has multiplied has no digits behind the point, a column's has.
        if let Some(amount) = payload["amount"].as_str() {
            payload["amount"] = json!(amount.parse::<Decimal>().unwrap().normalize());
        }
        (event.topic, payload, event.aggregate, rule)
    });
    After {
        events: events.collect(),
        rows: all(db).await,
    }
}

async fn insert(db: &DatabaseTransaction, rows: &[Row]) {
    for (n, row) in rows.iter().enumerate() {
        let order = order::ActiveModel {
            id: Set(n as i32 + 1),
            number: Set(n.to_string()),
            status: Set(STATUSES[row.status].to_owned()),
            amount: Set(Decimal::from(row.amount)),
            remark: Set(None),
            on_change_rules: Set(rules(row.rules)),
        };
        Order::insert(order).exec(db).await.unwrap();
    }
}

fn chosen(bulk: &Bulk) -> Condition {
    let only = bulk.only.map(|at| order::Column::Status.eq(STATUSES[at]));
    Condition::all()
        .add_option(only)
        .add(order::Column::Amount.gt(bulk.above))
}

async fn in_bulk(db: &DatabaseTransaction, bulk: &Bulk) {
    let mut update = Order::follow_update_many()
        .filter(chosen(bulk))
        .chunk_size(bulk.chunk);
    if let Some(status) = bulk.status {
        update = update.col_expr(order::Column::Status, Expr::value(STATUSES[status]));
    }
    if let Some(factor) = bulk.factor {
        let scaled = Expr::col(order::Column::Amount).mul(factor);
        update = update.col_expr(order::Column::Amount, scaled);
    }
    update.exec(db).await.unwrap();
}

async fn one_by_one(db: &DatabaseTransaction, bulk: &Bulk) {
    if bulk.status.is_none() && bulk.factor.is_none() {
        return;
    }
    let chosen = Order::find().filter(chosen(bulk));
    let mut chosen = chosen.all(db).await.unwrap();
    chosen.sort_by_key(|order| order.id);
    for order in chosen {
        let mut save = order::ActiveModel {
            id: Unchanged(order.id),
            ..Default::default()
        };
        if let Some(status) = bulk.status {
            save.status = Set(STATUSES[status].to_owned());
        }
        if let Some(factor) = bulk.factor {
            save.amount = Set(order.amount * Decimal::from(factor));
        }
        save.update_and_follow(db).await.unwrap();
    }
}

fn bulk_is_a_loop_of_saves(test: &TestDb, cases: u32, runtime: &tokio::runtime::Runtime) {
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let law = |(rows, bulk): (Vec<Row>, Bulk)| {
        runtime.block_on(async {
            let own = test.db.begin().await.unwrap();
            insert(&own, &rows).await;
            in_bulk(&own, &bulk).await;
            let bulked = after(&own).await;
            own.rollback().await.unwrap();

            let own = test.db.begin().await.unwrap();
            insert(&own, &rows).await;
            one_by_one(&own, &bulk).await;
            let looped = after(&own).await;
            own.rollback().await.unwrap();
            prop_assert_eq!(bulked, looped);
            Ok(())
        })
    };
    runner.run(&(rows(), bulk()), law).unwrap();
}

#[test]
fn sqlite_bulk_is_a_loop_of_saves() {
    on_a_database(TestDb::sqlite(), 96);
}

#[test]
fn postgres_bulk_is_a_loop_of_saves() {
    on_a_database(TestDb::postgres(), 48);
}

#[test]
fn mariadb_bulk_is_a_loop_of_saves() {
    on_a_database(TestDb::mariadb(), 48);
}

fn on_a_database(fresh: impl Future<Output = TestDb>, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(fresh);
    bulk_is_a_loop_of_saves(&test, cases, &runtime);
    runtime.block_on(test.end());
}
