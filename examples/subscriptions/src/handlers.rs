//! What is done about it.

use celerysalt::prelude::*;
use celerysalt_sea_orm::FollowSave;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, TransactionTrait,
};

use crate::events::{Abandoned, Activated, Cancelled, StatusChanged};
use crate::{invoice, subscription};

/// Opens the first invoice and arms what is to happen when the customer leaves: both, or neither.
#[subscribe("subscription.activated", autoretry_for = [DbErr])]
async fn open_invoice(
    activated: Activated,
    event: EventId,
    State(db): State<DatabaseConnection>,
) -> Result<(), DbErr> {
    let (id, cents) = (activated.subscription_id, activated.monthly_cents);
    let txn = db.begin().await?;
    if invoice::Entity::find_by_id(event.0)
        .one(&txn)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let invoice = invoice::ActiveModel {
        id: Set(event.0),
        subscription_id: Set(id),
        cents: Set(cents),
        status: Set("open".to_owned()),
    };
    invoice.insert(&txn).await?;
    let subscription = subscription::Entity::find_by_id(id).one(&txn).await?;
    if let Some(subscription) = subscription {
        let rules = subscription.rules_once_active();
        let mut armed = subscription.into_active_model();
        armed.on_change_rules = Set(rules);
        armed.update_and_follow(&txn).await?;
    }
    txn.commit().await?;
    println!(
        "   -> open_invoice:   {} owes {cents} cents",
        activated.customer
    );
    Ok(())
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
