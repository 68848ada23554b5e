//! Rules as data on models, typed events, publish, subscribe and RPC with Celery's semantics.
//!
//! Data flows one way: model → diff → rules → outbox → relay → broker → worker → handler. This crate is
//! everything but the databases and brokers; take the adapter of your ORM beside it
//! (`celerysalt-sea-orm`) and an outbox (`celerysalt-sql`).
//!
//! An event, a subscriber, and a test of both on the in-memory bus with a clock that stands still:
//!
//! ```standalone_crate
//! use celerysalt::prelude::*;
//! use celerysalt::testing::TestBus;
//!
//! /// An order was paid.
//! #[event("order.paid")]
//! #[derive(PartialEq)]
//! pub struct OrderPaid {
//!     pub order_id: i64,
//! }
//!
//! /// A receipt was sent.
//! #[event("receipt.sent")]
//! #[derive(PartialEq)]
//! pub struct ReceiptSent {
//!     pub order_id: i64,
//! }
//!
//! #[subscribe("order.paid", retry_backoff = true, max_retries = 5)]
//! async fn send_receipt(paid: OrderPaid, State(publisher): State<Publisher>) -> Result<(), HandlerError> {
//!     let sent = ReceiptSent { order_id: paid.order_id };
//!     sent.publish(&publisher).await.map_err(HandlerError::reject)?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = TestBus::new().await?;
//! bus.publish(&OrderPaid { order_id: 7 }).await?;
//! bus.run_until_idle().await;
//! bus.assert_published(&ReceiptSent { order_id: 7 });
//! # Ok(())
//! # }
//! ```
//!
//! A rule is data; what it does to a change can be asked without any database:
//!
//! ```
//! use celerysalt::prelude::*;
//! use serde_json::json;
//!
//! let rule = Rule::when("status").eql("paid")
//!     .guard(Guard::field("amount").gt("100.00"))
//!     .emit_topic("order.paid", json!({"order_id": "{{ id }}"}))
//!     .once();
//! assert_eq!(serde_json::to_value(&rule)?["operator"], "eql");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`rules::evaluate`] and [`rules::explain`] apply rules to a [`model::Change`].

pub mod actor;
pub mod broker;
pub mod catalog;
pub mod chain;
pub mod clock;
mod error_text;
pub mod event;
mod expand;
pub mod extract;
pub mod field;
pub mod follow;
pub mod handler;
pub mod history;
pub mod inbox;
pub mod json;
pub mod model;
pub mod names;
pub mod outbox;
pub mod prelude;
pub mod publisher;
pub mod rpc;
pub mod rule_table;
pub mod rules;
pub mod telemetry;
pub mod template;
pub mod testing;
pub mod topic;
pub mod value;
pub mod worker;

#[doc(inline)]
pub use celerysalt_macros::{FollowActions, event, event_error, event_response, subscribe};

// The macros' expansions say `::celerysalt`, also inside this crate.
extern crate self as celerysalt;

#[doc(hidden)]
pub mod __private {
    //! What the macros' expansions name. Not public API.
    pub use crate::expand::*;
    pub use inventory;
    pub use schemars;
    pub use serde;
    pub use serde_json;
}
