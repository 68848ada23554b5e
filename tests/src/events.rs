//! The events that orders emit.

use celerysalt::event;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use uuid::Uuid;

/// An order came to be.
#[event("order.made")]
pub struct OrderMade {
    /// The order.
    pub order_id: Uuid,
}

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    /// The order.
    pub order_id: Uuid,
    /// What was paid.
    pub amount: Decimal,
}

/// An order is gone.
#[event("order.gone")]
pub struct OrderGone {
    /// The order.
    pub order_id: Uuid,
}

/// An order got a remark that a rule in code looks for.
#[event("order.remarked")]
pub struct OrderRemarked {
    /// The order.
    pub order_id: Uuid,
}

/// Whatever a rule of a test tells of an order.
#[event("order.told")]
pub struct OrderTold {
    /// Which rule tells it.
    pub label: String,
    /// What it tells.
    pub told: Option<Json>,
}

/// An event that rules of orders may not emit.
#[event("order.secret")]
pub struct OrderSecret {
    /// The order.
    pub order_id: Uuid,
}
