//! Snippets of docs/rules.md.

use std::sync::Arc;

use celerysalt::prelude::*;
use celerysalt::rule_table::RuleTable;
use celerysalt_sql::SqlRules;
use rust_decimal::Decimal;
use serde_json::json;
use sqlx::PgPool;

use self::order::Entity as Order;

mod order {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub status: String,
        pub amount: Decimal,
        pub vip: bool,
        pub on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
}

#[event("order.paid", version = "v3")]
struct OrderPaid {
    order_id: i32,
    amount: Decimal,
}

fn in_rust() -> Rule {
    Rule::when(order::Model::STATUS).eql("paid")
        .was("pending")
        .guard(Guard::all([
            Guard::field(order::Model::AMOUNT).gt("100.00"),
            Guard::not(Guard::field(order::Model::VIP).eql(true)),
        ]))
        .emit::<OrderPaid>(json!({"order_id": "{{ id }}", "amount": "{{ amount }}"}))
        .once()
}

async fn of_a_request(
    mut order: order::Model,
    body: String,
    db: sea_orm::DatabaseConnection,
) -> Result<(), Box<dyn std::error::Error>> {
    use celerysalt_sea_orm::FollowSave;
    use sea_orm::IntoActiveModel;

    let rules = Rule::list_from_json(&body)?;                     // all of them, or what is wrong with each
    order.on_change_rules.extend(rules);
    order.into_active_model().update_and_follow(&db).await?;      // checked against model and events, else refused
    Ok(())
}

async fn in_a_table(
    pool: PgPool,
    other: Rule,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::error::Error>> {
    use celerysalt_sea_orm::Follow;

    let store = Arc::new(SqlRules::postgres(pool));            // of celerysalt-sql; or mysql(pool), sqlite(pool)
    let table = RuleTable::new(store);
    table.load().await?;                                       // at start: saves see the rules from here on
    let watched = table.clone();
    tokio::spawn(async move { watched.watch(shutdown).await }); // and every change within a second

    let rule = Rule::when("amount").gt("1000").emit_topic("order.large", json!({"id": "{{ id }}"})).id("large");
    let version = table.put(Order::definition(), rule).await?; // checked first; a wrong rule is refused
    table.put_over(Order::definition(), other, version.version).await?; // refused if somebody wrote it meanwhile
    table.versions("order", "large").await?;                   // who wrote what, and when
    table.restore(Order::definition(), "large", 1).await?;     // an earlier version, as the newest one
    table.remove("order", "large").await?;                     // its versions are kept
    Ok(())
}
