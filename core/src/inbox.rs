//! The inbox: handlers that take effect once, though an event may be delivered more than once.
//!
//! Delivery is at least once: a worker that dies after a handler's commit and before its acknowledgement gets the event
//! again. A handler that takes a [`Receipt`] runs its work in a database transaction that also records the receipt, in
//! the table `celerysalt_inbox`. When the event comes again the receipt is there already, the work is skipped, and the
//! delivery is acknowledged. The `once` of an adapter does all of that:
//!
//! ```ignore
//! #[subscribe("order.paid")]
//! async fn ship(paid: OrderPaid, receipt: Receipt, State(db): State<DatabaseConnection>) -> Result<Once<()>, DbErr> {
//!     celerysalt_sea_orm::once(&receipt, &db, async |txn| {
//!         shipment(&paid).insert(txn).await?;
//!         Ok(())
//!     })
//!     .await
//! }
//! ```
//!
//! | column of `celerysalt_inbox` | holds |
//! |---|---|
//! | `event_id` | the event's id: the same in every delivery |
//! | `handler` | the handler's name; together they are the key, so each handler of an event works once |
//! | `handled_at` | when; rows that are older than any redelivery may be deleted |
//!
//! What an adapter's `once` keeps:
//! - It begins a transaction, inserts the receipt, and only then runs the work with that transaction. A receipt that is
//!   there already ends it: nothing runs, and the outcome is [`Once::Seen`].
//! - Receipt and work are committed together. When the work fails both are rolled back and the error is the handler's,
//!   which is retried as its options say.
//! - Of two deliveries at the same time one inserts the receipt, and the other waits for the end of that transaction:
//!   if it was committed the second has seen it, if not the second works.
//!
//! **What it cannot do**: what the work does beside that transaction (a mail, a call to another service) happens again.
//! Events that it publishes are published once when they go through the outbox of the same transaction. The answer of
//! an RPC is not kept: a request that comes again is answered with null, so `once` is for broadcasts.
//!
//! A handler is known by its name: one that is renamed or moved to another module does not know its receipts any more,
//! unless `#[subscribe(…, name = "…")]` keeps the name.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::extract::{FromContext, Rejection};
use crate::handler::Context;

/// Which delivery this is: of which event to which handler. An argument of handlers; the same in every delivery of the
/// event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt {
    event_id: Uuid,
    handler: String,
}

impl Receipt {
    /// The receipt of this event by this handler: for who calls a handler by hand.
    pub fn new(event_id: Uuid, handler: impl Into<String>) -> Self {
        Self {
            event_id,
            handler: handler.into(),
        }
    }

    /// The event's id.
    pub fn event_id(&self) -> Uuid {
        self.event_id
    }

    /// The handler's name.
    pub fn handler(&self) -> &str {
        &self.handler
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} at handler `{}`", self.event_id, self.handler)
    }
}

impl FromContext for Receipt {
    fn from_context(cx: &Context) -> Result<Self, Rejection> {
        Ok(Self::new(cx.envelope.id, &*cx.handler))
    }
}

/// What a handler that takes effect once has come to; it may return this as its own result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Once<T> {
    /// The work was done and committed together with its receipt.
    Done(T),
    /// It had been done before: nothing was run.
    Seen,
}

impl<T> Once<T> {
    /// What the work gave, when it was done now.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(value) => Some(value),
            Self::Seen => None,
        }
    }

    /// Whether it had been done before.
    pub fn is_seen(&self) -> bool {
        matches!(self, Self::Seen)
    }
}

impl<T: Serialize> Serialize for Once<T> {
    /// As what the work gave; null when it had been done before.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Done(value) => value.serialize(serializer),
            Self::Seen => serializer.serialize_unit(),
        }
    }
}
