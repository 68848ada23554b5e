//! The order: a serde struct with a rules field, and the events that its rules fire.

use celerysalt::prelude::{Rule, event};
use celerysalt_plain::{FollowActions, Rules};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    pub order_id: Uuid,
    pub amount: Decimal,
}

/// An order's status has changed.
#[event("order.status")]
pub struct OrderStatus {
    pub order_id: Uuid,
    pub from: String,
    pub to: String,
}

/// An order.
#[derive(Clone, Debug, Serialize, Deserialize, FollowActions)]
#[follow(name = "order", key = "id", history("amount"))]
pub struct Order {
    pub id: Uuid,
    pub status: String,
    pub amount: Decimal,
    pub on_change_rules: Rules,
}

impl Order {
    /// A pending order.
    pub fn pending(amount: Decimal) -> Self {
        let paid = Rule::when(Self::STATUS)
            .eql("paid")
            .was("pending")
            .emit::<OrderPaid>(json!({"order_id": "{{ id }}", "amount": "{{ amount }}"}))
            .once()
            .id("paid");
        let moved = Rule::when(Self::STATUS)
            .changed()
            .emit::<OrderStatus>(
                json!({"order_id": "{{ id }}", "from": "{{ old.status }}", "to": "{{ status }}"}),
            )
            .persistent()
            .id("moved");
        Self {
            id: Uuid::now_v7(),
            status: "pending".to_owned(),
            amount,
            on_change_rules: vec![paid, moved].into(),
        }
    }
}
