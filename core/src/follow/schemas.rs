//! The events of the program, for checks and evaluation.

use std::sync::Once;

use crate::catalog::{Catalog, EventInfo, EventSchemas};

/// The events of the link-time catalog, as saves know them. A catalog that contradicts itself knows none: rules
/// cannot be attached then, and those that are stored wait.
pub fn linked_events() -> &'static dyn EventSchemas {
    static TOLD: Once = Once::new();
    match Catalog::global() {
        Ok(catalog) => catalog,
        Err(error) => {
            TOLD.call_once(|| tracing::error!(%error, "the catalog of events cannot be used"));
            &NoEvents
        }
    }
}

struct NoEvents;

impl EventSchemas for NoEvents {
    fn resolve(&self, _event_class: &str) -> Option<EventInfo> {
        None
    }

    fn similar(&self, _event_class: &str) -> Vec<String> {
        Vec::new()
    }
}
