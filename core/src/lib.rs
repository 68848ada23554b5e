//! Rules as data on models, typed events, publish, subscribe and RPC with Celery's semantics.
//!
//! Data flows one way: model → diff → rules → outbox → relay → broker → worker → handler.

pub mod broker;
pub mod catalog;
pub mod chain;
pub mod clock;
pub mod event;
pub mod handler;
pub mod model;
pub mod outbox;
pub mod publisher;
pub mod rpc;
pub mod rules;
pub mod testing;
pub mod topic;
pub mod value;
pub mod worker;

#[doc(hidden)]
pub mod __private {
    //! What the macros' expansions name. Not public API.
    pub use inventory;
    pub use schemars;
    pub use serde;
    pub use serde_json;
}
