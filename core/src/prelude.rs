//! What most programs need: `use celerysalt::prelude::*;`.

pub use crate::catalog::Catalog;
pub use crate::event::{DeclaredError, Envelope, Event, Meta, Request, RpcError};
pub use crate::extract::{
    EventId, FromContext, Payload, RawEvent, Retries, SoftLimit, State, Topic,
};
pub use crate::handler::{Context, HandlerError};
pub use crate::inbox::{Once, Receipt};
pub use crate::model::Operation;
pub use crate::publisher::{Publish, PublishOptions, Publisher};
pub use crate::rpc::{Call, CallError, RpcClient};
pub use crate::rules::{Guard, Rule};
// Not from the crate's root, where `event` is also a module.
pub use celerysalt_macros::{FollowActions, event, event_error, event_response, subscribe};
