//! The main job on embedded defaults: an order on a SQLite file carries a JSON rule, is saved, and a
//! subscriber receives the typed event. Run it twice: the second run delivers what the first left.

mod order;
mod store;

use std::sync::Arc;

use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt_sea_orm::FollowSave;
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel, PaginatorTrait, TransactionTrait};
use serde_json::json;

use order::OrderPaid;

#[subscribe("order.paid")]
async fn receipt(paid: OrderPaid, EventId(id): EventId) {
    println!("   subscriber: order.paid, amount {} (event {id})", paid.amount);
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (db, outbox) = store::open().await?;
    let relay = Relay::builder(outbox, Arc::new(InProcess::builder().build()?)).build();

    println!("0. what an earlier run left undelivered");
    celerysalt_sea_orm::recover(&db).await?;
    let left = relay.drain().await?.delivered;
    println!("   {left} event(s) delivered after the restart");

    println!("1. an order with a one-time rule and a persistent one, both as JSON");
    let rules = Rules::from_json(include_str!("../rules.json"));
    let id = order::create("99.90", rules).insert_and_follow(&db).await?.id;
    println!("   order {id}: pending, 99.90, {} rules", order::load(&db, id).await?.on_change_rules.len());

    println!("2. a save that is rolled back");
    let txn = db.begin().await?;
    order::pay(order::load(&txn, id).await?).update_and_follow(&txn).await?;
    txn.rollback().await?;
    println!("   {} event(s)", relay.drain().await?.delivered);
    Ok(())
}
