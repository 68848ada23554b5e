//! The main job with SeaORM: an order carries JSON rules, is saved, and subscribers receive the typed events. Run it
//! twice: the second run delivers what the first one left undelivered.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod database;
mod order;

use std::error::Error;
use std::sync::Arc;

use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt::worker::InProcess;
use celerysalt_sea_orm::{FollowSave, Rules};
use sea_orm::TransactionTrait;

use order::{OrderPaid, OrderStatus, with_status};

#[subscribe("order.paid")]
async fn send_receipt(paid: OrderPaid) {
    println!(
        "   -> send_receipt: order {} was paid, {} cents",
        paid.order_id, paid.cents
    );
}

#[subscribe("order.status")]
async fn show_status(order: OrderStatus) {
    println!(
        "   -> show_status:  order {} went from {} to {}",
        order.order_id, order.from, order.to
    );
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (db, outbox) = database::open().await?;
    let relay = Relay::builder(outbox, Arc::new(InProcess::builder().build()?)).build();

    println!("1. Start: whatever an earlier run committed and did not deliver arrives now.");
    deliver(&relay).await?;

    println!("2. A pending order with two JSON rules: one fires once, one stays.");
    let rules = Rules::from_json(include_str!("../rules.json"));
    let order = order::pending(9990, rules).insert_and_follow(&db).await?;
    show(&order);

    println!("3. It is paid, but the transaction is rolled back.");
    let txn = db.begin().await?;
    with_status(order.id, "paid")
        .update_and_follow(&txn)
        .await?;
    txn.rollback().await?;
    deliver(&relay).await?;

    println!("4. It is paid, and committed.");
    let order = with_status(order.id, "paid").update_and_follow(&db).await?;
    deliver(&relay).await?;
    show(&order);

    println!(
        "5. It is shipped, and the process stops before anybody delivers the event. Run this again."
    );
    with_status(order.id, "shipped")
        .update_and_follow(&db)
        .await?;
    Ok(())
}

async fn deliver(relay: &Relay) -> Result<(), Box<dyn Error>> {
    let events = relay.drain().await?.delivered;
    println!("   {events} event(s) delivered");
    Ok(())
}

fn show(order: &order::Model) {
    let rules = order.on_change_rules.len();
    println!("   {}, {rules} rule(s)", order.status);
}
