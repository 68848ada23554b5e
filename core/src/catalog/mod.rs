//! The link-time catalog: every event and handler of the program, before `main` runs.

mod collected;
mod diff;
mod error;
mod normal;
mod schema;
mod version;

pub use collected::{Catalog, CatalogEvent};
pub use diff::{Difference, differences};
pub use error::{CatalogError, CatalogProblem, LookupError, Missing, Place};
pub use schema::{EventSchema, SchemaError};

use crate::event::Mode;
use crate::handler::HandlerDef;

/// What the event macros submit; `inventory` collects them at link time.
pub struct EventEntry {
    /// The topic.
    pub topic: &'static str,
    /// The version.
    pub version: &'static str,
    /// The Rust type's name.
    pub name: &'static str,
    /// Request/event, response or error.
    pub role: Role,
    /// Broadcast or RPC.
    pub mode: Mode,
    /// Makes the JSON Schema (the reader's).
    pub schema: fn() -> serde_json::Value,
    /// Where it is declared: `file:line`.
    pub location: &'static str,
}

/// Which part of a topic's contract a type is; shown as `event`, `response` and `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The event, or an RPC's request.
    Event,
    /// An RPC's response.
    Response,
    /// An RPC's declared error.
    Error,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Event => "event",
            Self::Response => "response",
            Self::Error => "error",
        })
    }
}

/// What `#[subscribe]` submits.
pub struct SubscriberEntry {
    /// Makes the handler's definition.
    pub make: fn() -> HandlerDef,
    /// Where it is declared: `file:line`.
    pub location: &'static str,
}

inventory::collect!(EventEntry);
inventory::collect!(SubscriberEntry);

/// Knows events by topic or type name: the port through which rules learn what they may emit.
///
/// Implemented by the link-time catalog, and by whatever else knows schemas (a snapshot file, a registry).
pub trait EventSchemas: Send + Sync {
    /// The event that `event_class` names (a topic or an event's type name), or `None` when unknown.
    /// Of several versions of one topic the newest is meant.
    fn resolve(&self, event_class: &str) -> Option<EventInfo>;
    /// Names like this one that exist, for an error's remedy. May be empty.
    fn similar(&self, event_class: &str) -> Vec<String>;
}

/// What is known of an event.
#[derive(Debug, Clone)]
pub struct EventInfo {
    /// Its topic.
    pub topic: String,
    /// Its version, when it has one.
    pub version: Option<String>,
    /// Its schema; absent when anything goes.
    pub schema: Option<std::sync::Arc<EventSchema>>,
}
