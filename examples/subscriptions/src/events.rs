//! What can happen to a subscription.

use celerysalt::prelude::event;
use uuid::Uuid;

/// A trial has become a paid subscription.
#[event("subscription.activated")]
pub struct Activated {
    pub subscription_id: Uuid,
    pub customer: String,
    pub monthly_cents: i64,
}

/// A trial ended, and nobody paid.
#[event("subscription.abandoned")]
pub struct Abandoned {
    pub customer: String,
}

/// A paying customer has left.
#[event("subscription.cancelled")]
pub struct Cancelled {
    pub subscription_id: Uuid,
    pub customer: String,
}

/// A subscription is in another state.
#[event("subscription.status")]
pub struct StatusChanged {
    pub customer: String,
    pub from: String,
    pub to: String,
}
