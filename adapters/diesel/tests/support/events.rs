//! The events of the tests.

use celerysalt::event;

/// An order was paid.
#[event("order.paid")]
pub struct OrderPaid {
    /// Which.
    pub id: i64,
    /// How much.
    pub amount: i64,
}

/// An order came to be.
#[event("order.created")]
pub struct OrderCreated {
    /// Which.
    pub id: i64,
    /// Its state.
    pub status: String,
}

/// An order is gone.
#[event("order.deleted")]
pub struct OrderDeleted {
    /// Which.
    pub id: i64,
    /// Its last state.
    pub status: String,
}

/// An order became large.
#[event("order.large")]
pub struct OrderLarge {
    /// Which.
    pub id: i64,
    /// With taxes.
    pub total: i64,
}

/// An event that orders may not emit.
#[event("secret.leaked")]
pub struct SecretLeaked {
    /// Whatever.
    pub id: i64,
}

/// A seat was taken.
#[event("seat.taken")]
pub struct SeatTaken {
    /// Who sits there.
    pub guest: Option<String>,
}
