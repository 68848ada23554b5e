//! A state machine as data. A subscription carries the rules of its state in JSON; the events that they fire have
//! handlers, and one of those gives the row the rules of its next state. Run it twice: the second run delivers what the
//! first one left undelivered.

// A program has no outside; plain `pub` reads better here.
#![allow(unreachable_pub)]

mod database;
mod events;
mod handlers;
mod invoice;
mod subscription;

use std::error::Error;
use std::sync::Arc;

use celerysalt::outbox::Relay;
use celerysalt::worker::InProcess;
use celerysalt_sea_orm::{FollowMany, FollowSave};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveEnum, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, TransactionTrait,
};
use uuid::Uuid;

use subscription::Status::{Active, Cancelled, Trial};
use subscription::{trial, with_status};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (db, outbox) = database::open().await?;
    let handlers = InProcess::builder().state(db.clone()).build()?;
    let relay = Relay::builder(outbox, Arc::new(handlers)).build();

    println!("1. Start: whatever an earlier run committed and did not deliver arrives now.");
    deliver(&relay).await?;

    println!("2. Ada and Bob begin a trial.");
    let ada = trial("Ada").insert_and_follow(&db).await?.id;
    let bob = trial("Bob").insert_and_follow(&db).await?.id;
    show(&db, ada).await?;

    println!("3. Ada subscribes, but her payment fails: the transaction is rolled back.");
    let txn = db.begin().await?;
    with_status(ada, Active).update_and_follow(&txn).await?;
    txn.rollback().await?;
    deliver(&relay).await?;

    println!("4. Ada subscribes. The handler of that gives the row its next rule.");
    with_status(ada, Active).update_and_follow(&db).await?;
    deliver(&relay).await?;
    show(&db, ada).await?;

    println!("5. The month ends, and with it all trials, in one statement a chunk.");
    let ended = subscription::Entity::follow_update_many()
        .col_expr(
            subscription::Column::Status,
            Expr::value(Cancelled.to_value()),
        )
        .filter(subscription::Column::Status.eq(Trial))
        .exec(&db)
        .await?;
    println!("   {} trial(s) ended", ended.rows_affected);
    deliver(&relay).await?;
    show(&db, bob).await?;

    println!("6. Ada leaves, and the process stops before anybody hears of it. Run this again.");
    with_status(ada, Cancelled).update_and_follow(&db).await?;
    Ok(())
}

async fn deliver(relay: &Relay) -> Result<(), Box<dyn Error>> {
    let events = relay.drain().await?.delivered;
    println!("   {events} event(s) delivered");
    Ok(())
}

async fn show(db: &DatabaseConnection, id: Uuid) -> Result<(), DbErr> {
    let found = subscription::Entity::find_by_id(id).one(db).await?;
    let found = found.ok_or_else(|| DbErr::RecordNotFound(format!("subscription {id}")))?;
    let rules: Vec<_> = found
        .on_change_rules
        .iter()
        .map(|rule| rule.id.as_str())
        .collect();
    let status = found.status.to_value();
    println!(
        "   {} is {status}, rules: {}",
        found.customer,
        rules.join(", ")
    );
    Ok(())
}
