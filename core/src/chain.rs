//! Chains: which event caused which, and how deep.
//!
//! While a handler runs, its event's chain is current; every event fired or published inside carries it on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Envelope;

/// The deepest chain that is allowed: rules and handlers that feed each other stop here.
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

    /// The chain of what the handlers of this event cause: current while they run.
    ///
    /// The correlation is kept (the event's own id when it has none), the event is the cause, and one more
    /// event came before.
    ///
    /// ```
    /// use celerysalt::chain::Chain;
    /// use celerysalt::event::{Envelope, Meta};
    ///
    /// let envelope = Envelope {
    ///     id: uuid::Uuid::from_u128(7),
    ///     topic: "order.paid".into(),
    ///     version: None,
    ///     payload: serde_json::json!({}),
    ///     meta: Meta::default(),
    /// };
    /// let chain = Chain::caused_by(&envelope);
    /// assert_eq!(chain.causation_id, Some(envelope.id));
    /// assert_eq!(chain.correlation_id, Some(envelope.id.to_string()));
    /// assert_eq!(chain.depth, 1);
    /// ```
    pub fn caused_by(envelope: &Envelope) -> Chain {
        let chain = &envelope.meta.chain;
        let correlation = chain.correlation_id.clone();
        Chain {
            correlation_id: correlation.or_else(|| Some(envelope.id.to_string())),
            causation_id: Some(envelope.id),
            depth: chain.depth.saturating_add(1),
            fired: chain.fired.clone(),
        }
    }

    /// The chain that an event made here carries: this one, with the event's own id as correlation when
    /// nobody set one.
    pub fn of_event(&self, id: Uuid) -> Chain {
        let mut chain = self.clone();
        chain.correlation_id.get_or_insert_with(|| id.to_string());
        chain
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
