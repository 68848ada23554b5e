//! The main job on embedded defaults: an order on a SQLite file carries JSON rules, is saved, and a subscriber
//! receives the typed events. Run it twice: the second run delivers what the first one left undelivered.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod order;
mod store;

use std::error::Error;
use std::sync::Arc;

use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt::worker::InProcess;
use celerysalt_sea_orm::{FollowSave, Rules};
use sea_orm::{DatabaseConnection, TransactionTrait};
use uuid::Uuid;

use order::{OrderPaid, OrderStatus};

#[subscribe("order.paid")]
async fn send_receipt(paid: OrderPaid) {
    println!(
        "   -> send_receipt: order {} was paid, amount {}",
        short(paid.order_id),
        paid.amount
    );
}

#[subscribe("order.status")]
async fn show_status(order: OrderStatus) {
    println!(
        "   -> show_status:  order {} went from {} to {}",
        short(order.order_id),
        order.from,
        order.to
    );
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (db, outbox) = store::open().await?;
    let relay = Relay::builder(outbox, Arc::new(InProcess::builder().build()?)).build();

    println!("1. Start: whatever an earlier run committed and did not deliver arrives now.");
    deliver(&relay).await?;

    println!("2. A pending order with two JSON rules: one fires once, one stays.");
    let rules = Rules::from_json(include_str!("../rules.json"));
    let amount = "1234567890.123456789012345678".parse()?;
    let id = order::pending(amount, rules)
        .insert_and_follow(&db)
        .await?
        .id;
    println!("   order {}: {}", short(id), rules_left(&db, id).await?);

    println!("3. It is paid, but the transaction is rolled back.");
    let paid = order::with_status(&db, id, "paid").await?;
    let txn = db.begin().await?;
    paid.update_and_follow(&txn).await?;
    txn.rollback().await?;
    deliver(&relay).await?;

    println!("4. It is paid, and committed.");
    order::with_status(&db, id, "paid")
        .await?
        .update_and_follow(&db)
        .await?;
    deliver(&relay).await?;
    println!("   order {}: {}", short(id), rules_left(&db, id).await?);

    println!("5. It is shipped, and the process stops before anybody delivers the event.");
    order::with_status(&db, id, "shipped")
        .await?
        .update_and_follow(&db)
        .await?;
    println!("   Run this again: the event is in {}.", store::FILE);
    Ok(())
}

async fn deliver(relay: &Relay) -> Result<(), Box<dyn Error>> {
    let events = relay.drain().await?.delivered;
    println!("   {events} event(s) delivered");
    Ok(())
}

async fn rules_left(db: &DatabaseConnection, id: Uuid) -> Result<String, sea_orm::DbErr> {
    let order = order::load(db, id).await?;
    Ok(format!(
        "{}, {} rule(s)",
        order.status,
        order.on_change_rules.len()
    ))
}

/// Enough of an id to recognise it.
fn short(id: Uuid) -> String {
    id.simple().to_string()[24..].to_owned()
}
