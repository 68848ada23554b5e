//! Plain structs without an ORM: a save of your own stores the order and the events that fire in one transaction. Run it
//! twice: the second run delivers what the first one left undelivered.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod order;
mod store;

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;

use celerysalt::actor;
use celerysalt::history::Transition;
use celerysalt::outbox::Relay;
use celerysalt::prelude::*;
use celerysalt::worker::InProcess;
use celerysalt_plain::{Fired, Tracked};
use uuid::Uuid;

use order::{Order, OrderPaid, OrderStatus};
use store::{Store, StoreError};

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
    let store = Store::open().await?;
    let relay = Relay::builder(store.outbox(), Arc::new(InProcess::builder().build()?)).build();

    println!("1. Start: whatever an earlier run saved and did not deliver arrives now.");
    deliver(&relay).await?;

    println!("2. A pending order with two rules: one fires once, one stays.");
    let mut order = Tracked::new(Order::pending("1234567890.123456789012345678".parse()?));
    let persist = async |order: &Order, fired: &Fired| store.persist(order, fired).await;
    order.save_with(persist).await?;
    println!("   {}", stored(&store, order.id).await?);

    println!("3. It is paid, but the disk is full.");
    order.status = "paid".into();
    let full = async |_: &Order, _: &Fired| Err(std::io::Error::from(ErrorKind::StorageFull));
    if let Err(error) = order.save_with(full).await {
        println!("   {error}");
    }
    deliver(&relay).await?;

    println!("4. There is room again: the same save, once more.");
    order.save_with(persist).await?;
    deliver(&relay).await?;
    println!("   {}", stored(&store, order.id).await?);

    println!(
        "5. Loaded anew it is shipped, and the process stops before anybody delivers the event."
    );
    let mut order = Tracked::loaded(store.load(order.id).await?);
    order.status = "shipped".into();
    actor::scope("carrier", order.save_with(persist)).await?;
    println!("   Run this again: the event is in the outbox.");

    println!("6. What happened to the order, as its history tells it.");
    for each in store.history(&order).await? {
        println!("   {}", told(&each));
    }
    Ok(())
}

/// Runs the handlers of all events in the outbox, as a relay does all the time in a program that goes on.
async fn deliver(relay: &Relay) -> Result<(), Box<dyn Error>> {
    let events = relay.drain().await?.delivered;
    println!("   {events} event(s) delivered");
    Ok(())
}

async fn stored(store: &Store, id: Uuid) -> Result<String, StoreError> {
    let order = store.load(id).await?;
    let rules = order.on_change_rules.len();
    Ok(format!(
        "order {}: {}, {rules} rule(s)",
        short(id),
        order.status
    ))
}

/// One line of history.
fn told(each: &Transition) -> String {
    let rule = each.rule_id.as_deref().unwrap_or("none");
    let who = each.actor.as_deref().unwrap_or("nobody");
    let (field, old, new) = (&each.field, &each.old, &each.new);
    format!("{field}: {old} -> {new}, by {who}, rule: {rule}")
}

/// Enough of an id to recognise it.
fn short(id: Uuid) -> String {
    id.simple().to_string()[24..].to_owned()
}
