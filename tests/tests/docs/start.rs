//! Snippets of docs/start.md.

use std::error::Error;
use std::sync::Arc;

use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt::worker::{InProcess, shutdown_signal};
use celerysalt_sea_orm::FollowSave;
use celerysalt_sql::SqlOutbox;
use sea_orm::{ConnectionTrait, Database, IntoActiveModel, Set};
use serde_json::json;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    pub order_id: i32,
}

#[subscribe("order.paid")]
async fn send_receipt(paid: OrderPaid) {
    println!("order {} is paid", paid.order_id);
}

mod order {
    use celerysalt_sea_orm::{FollowActions, Rules};
    use sea_orm::entity::prelude::*;

    // No `impl ActiveModelBehavior for ActiveModel {}`: `FollowActions` writes it.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, FollowActions)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub status: String,
        pub on_change_rules: Rules,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}
}

const ORDERS: &str = "CREATE TABLE IF NOT EXISTS orders
    (id INTEGER PRIMARY KEY, status TEXT NOT NULL, on_change_rules TEXT NOT NULL DEFAULT '[]')";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // At start: are the events linked, the tables there and fit, and is nothing left from a process that died?
    Catalog::global()?.expect(["order.paid"])?;
    let db = Database::connect("sqlite://shop.sqlite?mode=rwc").await?;
    celerysalt_migrations::sea_orm::up(&db).await?;
    db.execute_unprepared(ORDERS).await?;
    celerysalt_sea_orm::check_tables::<(order::Entity,)>(&db).await?;
    celerysalt_sea_orm::recover(&db).await?;

    // Somewhere: an order gets a rule.
    let paid = Rule::when(order::Model::STATUS).eql("paid");
    let rule = paid.emit::<OrderPaid>(json!({"order_id": "{{ id }}"})).once();
    let order = order::ActiveModel {
        status: Set("pending".to_owned()),
        on_change_rules: Set(vec![rule].into()),
        ..Default::default()
    };
    let order = order.insert_and_follow(&db).await?;

    // Somewhere else, that knows nothing of rules: it is paid.
    let mut order = order.into_active_model();
    order.status = Set("paid".to_owned());
    order.update_and_follow(&db).await?;

    // In this process or another one: what was committed is delivered, until SIGTERM or SIGINT.
    let outbox = Arc::new(SqlOutbox::sqlite(db.get_sqlite_connection_pool().clone()));
    let handlers = Arc::new(InProcess::builder().build()?);
    Relay::builder(outbox, handlers).build().run(shutdown_signal()?).await;
    Ok(())
}
