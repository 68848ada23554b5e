//! The events and calls of the mesh.

use celerysalt::event::RpcError;
use celerysalt::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

/// The shop (Rust) has an order. The mails (Rust) and the bills (Python, celery-salt) listen.
#[event("order.placed")]
pub struct OrderPlaced {
    pub order_id: Uuid,
    pub article: String,
    pub amount: Decimal,
}

/// The bills (Python) have billed an order. The mails (Rust) listen.
#[event("bill.sent")]
pub struct BillSent {
    pub order_id: Uuid,
    pub amount: Decimal,
}

/// Asks the stock (Python, tchu-tchu) for an article.
#[event("stock.reserve", response = Reserved, error = RpcError)]
pub struct Reserve {
    pub article: String,
    pub count: u32,
}

/// It is reserved.
#[event_response("stock.reserve")]
pub struct Reserved {
    pub left: u32,
}

/// Asks the shop (Rust) for an order's total; the bills (Python) do.
#[event("shop.total", response = Total, error = RpcError)]
pub struct AskTotal {
    pub amount: Decimal,
}

/// With the tax.
#[event_response("shop.total")]
pub struct Total {
    pub total: Decimal,
}
