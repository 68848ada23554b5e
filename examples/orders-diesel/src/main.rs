//! The main job with Diesel: an order carries JSON rules, is saved, and subscribers receive the typed events. Run it
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
use celerysalt_diesel::{
    CheckTables, FollowConnection, FollowInsert, FollowOn, FollowUpdate, InsertOn, Rules, UpdateOn,
    check_tables,
};
use diesel::result::Error::RollbackTransaction;
use tokio::runtime::Runtime;

use database::Database;
use order::{NewOrder, NewStatus, Order, OrderPaid, OrderStatus};

#[subscribe("order.paid")]
fn send_receipt(paid: OrderPaid) {
    println!(
        "   -> send_receipt: order {} was paid, {} cents",
        paid.order_id, paid.cents
    );
}

#[subscribe("order.status")]
fn show_status(order: OrderStatus) {
    println!(
        "   -> show_status:  order {} went from {} to {}",
        order.order_id, order.from, order.to
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let (database, outbox) = runtime.block_on(database::open())?;
    let relay = Relay::builder(outbox, Arc::new(InProcess::builder().build()?)).build();
    let deliver = || -> Result<(), Box<dyn Error>> {
        let events = runtime.block_on(relay.drain())?.delivered;
        println!("   {events} event(s) delivered");
        Ok(())
    };
    match database {
        Database::Sqlite(mut conn) => run(&mut conn, deliver),
        Database::Postgres(mut conn) => run(&mut conn, deliver),
    }
}

/// A program for one database names its connection here, and needs none of the bounds.
fn run<C>(
    conn: &mut C,
    deliver: impl Fn() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>>
where
    C: FollowConnection<Backend: CheckTables<Order>>,
    Order: FollowOn<C::Backend>,
    NewOrder: InsertOn<Order, C::Backend>,
    NewStatus: UpdateOn<C::Backend>,
{
    check_tables::<Order>(conn)?;
    println!("1. Start: whatever an earlier run committed and did not deliver arrives now.");
    deliver()?;

    println!("2. A pending order with two JSON rules: one fires once, one stays.");
    let on_change_rules = Rules::from_json(include_str!("../rules.json"));
    let order = NewOrder {
        status: "pending",
        cents: 9990,
        on_change_rules,
    };
    let order = order.insert_and_follow(conn)?;
    println!(
        "   {}, {} rule(s)",
        order.status,
        order.on_change_rules.len()
    );

    println!("3. It is paid, but the transaction is rolled back.");
    let undone = conn.transaction(|conn| {
        NewStatus { status: "paid" }.update_and_follow(order.id, conn)?;
        Err::<(), celerysalt_diesel::Error>(RollbackTransaction.into())
    });
    assert!(undone.is_err());
    deliver()?;

    println!("4. It is paid, and committed.");
    let order = NewStatus { status: "paid" }.update_and_follow(order.id, conn)?;
    deliver()?;
    println!(
        "   {}, {} rule(s)",
        order.status,
        order.on_change_rules.len()
    );

    println!(
        "5. It is shipped, and the process stops before anybody delivers the event. Run this again."
    );
    NewStatus { status: "shipped" }.update_and_follow(order.id, conn)?;
    Ok(())
}
