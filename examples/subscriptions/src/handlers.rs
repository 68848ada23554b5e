//! What is done about it.

use celerysalt::prelude::*;
use celerysalt_sea_orm::{FollowSave, once};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter,
};

use crate::events::{Abandoned, Activated, Cancelled, StatusChanged};
use crate::{invoice, subscription};

/// Opens the first invoice and arms what is to happen when the customer leaves: both, or neither, and once, however
/// often the event comes.
#[subscribe("subscription.activated", name = "open_invoice", autoretry_for = [DbErr])]
async fn open_invoice(
    activated: Activated,
    receipt: Receipt,
    State(db): State<DatabaseConnection>,
) -> Result<Once<()>, DbErr> {
    let (id, cents) = (activated.subscription_id, activated.monthly_cents);
    let opened = once(&receipt, &db, async |txn| {
        invoice::open(id, cents).insert(txn).await?;
        let subscription = subscription::Entity::find_by_id(id).one(txn).await?;
        if let Some(subscription) = subscription {
            let rules = subscription.rules_once_active();
            let mut armed = subscription.into_active_model();
            armed.on_change_rules = Set(rules);
            armed.update_and_follow(txn).await?;
        }
        Ok::<_, DbErr>(())
    });
    let opened = opened.await?;
    if let Once::Done(()) = opened {
        println!(
            "   -> open_invoice:   {} owes {cents} cents",
            activated.customer
        );
    }
    Ok(opened)
}

#[subscribe("subscription.cancelled", autoretry_for = [DbErr])]
async fn void_invoices(
    cancelled: Cancelled,
    State(db): State<DatabaseConnection>,
) -> Result<(), DbErr> {
    let voided = invoice::Entity::update_many()
        .col_expr(invoice::Column::Status, Expr::value("void"))
        .filter(invoice::Column::SubscriptionId.eq(cancelled.subscription_id))
        .filter(invoice::Column::Status.eq("open"))
        .exec(&db)
        .await?;
    println!(
        "   -> void_invoices:  {} leaves, {} invoice(s) voided",
        cancelled.customer, voided.rows_affected
    );
    Ok(())
}

#[subscribe("subscription.abandoned")]
async fn offer_discount(abandoned: Abandoned) {
    println!("   -> offer_discount: come back, {}", abandoned.customer);
}

#[subscribe("subscription.status")]
async fn keep_books(change: StatusChanged) {
    println!(
        "   -> keep_books:     {} went from {} to {}",
        change.customer, change.from, change.to
    );
}
