//! Plain structs without a database: orders live in a JSON file, and a save writes the order and the events that fire
//! into that file at once. Run it twice: the second run delivers what the first one left undelivered.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod order;
mod store;

use std::error::Error;
use std::sync::Arc;

use celerysalt::actor;
use celerysalt::clock::{Clock, SystemClock};
use celerysalt::history::Transition;
use celerysalt::outbox::{MemoryOutbox, OutboxStore, Relay};
use celerysalt::prelude::*;
use celerysalt::worker::InProcess;
use celerysalt_plain::{Fired, Tracked};
use uuid::Uuid;

use order::{Order, OrderPaid, OrderStatus};
use store::Store;

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
    let mut store = Store::open()?;

    println!("1. Start: whatever an earlier run saved and did not deliver arrives now.");
    deliver(&mut store).await?;

    println!("2. A pending order with two rules: one fires once, one stays.");
    let mut order = Tracked::new(Order::pending("1234567890.123456789012345678".parse()?));
    order.save_with_sync(|order, fired| store.persist(order, fired))?;
    println!(
        "   order {}: {}",
        short(order.id),
        rules_left(&store, order.id)
    );

    println!("3. It is paid, but the disk is full.");
    order.status = "paid".into();
    let full = |_: &Order, _: &Fired| Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
    if let Err(error) = order.save_with_sync(full) {
        println!("   {error}");
    }
    deliver(&mut store).await?;

    println!("4. There is room again: the same save, once more.");
    order.save_with_sync(|order, fired| store.persist(order, fired))?;
    deliver(&mut store).await?;
    println!(
        "   order {}: {}",
        short(order.id),
        rules_left(&store, order.id)
    );

    println!(
        "5. Loaded anew it is shipped, and the process stops before anybody delivers the event."
    );
    let mut order = Tracked::loaded(store.load(order.id).ok_or("the order is gone")?);
    order.status = "shipped".into();
    actor::sync_scope("carrier", || {
        order.save_with_sync(|order, fired| store.persist(order, fired))
    })?;
    println!("   Run this again: the event is in {}.", store::FILE);

    println!("6. What happened to the order, as the file tells it.");
    for each in store.history(&order) {
        println!("   {}", told(each));
    }
    Ok(())
}

/// Runs the handlers of the events in the file, and takes the events out of it when all are done: a run that dies in
/// between delivers them again.
async fn deliver(store: &mut Store) -> Result<(), Box<dyn Error>> {
    let outbox = Arc::new(MemoryOutbox::new());
    outbox.append(store.events(), SystemClock.now()).await?;
    let handlers = Arc::new(InProcess::builder().build()?);
    let relay = Relay::builder(outbox.clone(), handlers).build();
    let events = relay.drain().await?.delivered;
    if outbox.status().await?.pending == 0 {
        store.delivered()?;
    }
    println!("   {events} event(s) delivered");
    Ok(())
}

fn rules_left(store: &Store, id: Uuid) -> String {
    store.load(id).map_or_else(String::new, |order| {
        format!("{}, {} rule(s)", order.status, order.on_change_rules.len())
    })
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
