//! Chains: which event caused which, and how deep.
//!
//! While a handler runs, its event's chain is current; every event fired or published inside carries it on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The deepest chain that is allowed (DESIGN: 16).
pub const MAX_DEPTH: u32 = 16;

/// Where an event stands in a chain of events that cause each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Chain {
    /// The same for every event of one chain; the id of the first event when nobody set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The event whose handler caused this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// How many events came before in this chain; 0 for the first.
    #[serde(skip_serializing_if = "is_zero")]
    pub depth: u32,
    /// What has fired in this chain: a digest of rule id and aggregate each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

tokio::task_local! {
    static CURRENT: Chain;
}

impl Chain {
    /// The chain of the event whose handler is running here; an empty one outside of handlers.
    pub fn current() -> Chain {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a future with this chain as the current one.
    pub async fn scope<F: std::future::Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a blocking closure with this chain as the current one.
    pub fn sync_scope<R>(self, f: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, f)
    }
}
