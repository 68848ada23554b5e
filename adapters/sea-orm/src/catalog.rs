//! The events of the program, for checks and evaluation.

use celerysalt::catalog::{EventInfo, EventSchemas};

pub(crate) fn schemas() -> &'static dyn EventSchemas {
    &None0
}
struct None0;
impl EventSchemas for None0 {
    fn resolve(&self, event_class: &str) -> Option<EventInfo> {
        Some(EventInfo {
            topic: event_class.into(),
            version: None,
            schema: None,
        })
    }
    fn similar(&self, _: &str) -> Vec<String> {
        vec![]
    }
}
