//! Rules as data on models, typed events, publish, subscribe and RPC with Celery's semantics.
//!
//! Data flows one way: model → diff → rules → outbox → relay → broker → worker → handler.

pub mod broker;
pub mod catalog;
pub mod chain;
pub mod clock;
mod error_text;
pub mod event;
mod expand;
pub mod extract;
pub mod follow;
pub mod handler;
pub mod json;
pub mod model;
pub mod outbox;
pub mod prelude;
pub mod publisher;
pub mod rpc;
pub mod rules;
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
