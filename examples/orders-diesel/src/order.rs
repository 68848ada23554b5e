//! The order: a Diesel model with a rules column, and the events that its rules fire.

use celerysalt::prelude::{FollowActions, event};
use celerysalt_diesel::Rules;
use diesel::prelude::*;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    pub order_id: i64,
    pub cents: i64,
}

/// An order's status has changed.
#[event("order.status")]
pub struct OrderStatus {
    pub order_id: i64,
    pub from: String,
    pub to: String,
}

diesel::table! {
    orders (id) {
        id -> BigInt,
        status -> Text,
        cents -> BigInt,
        on_change_rules -> Json,
    }
}

/// An order.
#[derive(Queryable, Selectable, Identifiable, AsChangeset, FollowActions)]
#[diesel(table_name = orders)]
#[follow(name = "order", events = [OrderPaid, OrderStatus])]
pub struct Order {
    pub id: i64,
    pub status: String,
    pub cents: i64,
    pub on_change_rules: Rules,
}

/// An order whose key the database makes.
#[derive(Insertable, FollowActions)]
#[diesel(table_name = orders)]
#[follow(inserts = Order)]
pub struct NewOrder {
    pub status: &'static str,
    pub cents: i64,
    pub on_change_rules: Rules,
}

/// A new status.
#[derive(AsChangeset, FollowActions)]
#[diesel(table_name = orders)]
#[follow(changes = Order)]
pub struct NewStatus {
    pub status: &'static str,
}
