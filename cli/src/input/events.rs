//! `events.json`: the events that exist.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use celerysalt::catalog::{EventInfo, EventSchema, EventSchemas};
use celerysalt::names::similar;
use serde_json::Value as Json;

use super::Text;
use crate::error::InputError;

/// The events of a file; without a file every name is an event.
///
/// # Errors
/// A file that cannot be read, is no object, or holds something that is no JSON Schema.
pub(crate) fn read(path: Option<&Path>) -> Result<Box<dyn EventSchemas>, InputError> {
    let Some(path) = path else {
        return Ok(Box::new(AnyEvents));
    };
    let text = Text::read(path)?;
    let mut events = Events::default();
    for (topic, document) in text.object()? {
        let schema = EventSchema::compile(document).map_err(|source| InputError::BadSchema {
            file: text.file.clone(),
            topic: topic.clone(),
            source,
        })?;
        events.insert(topic, schema);
    }
    Ok(Box::new(events))
}

/// Knows every event, and of none what it looks like.
struct AnyEvents;

impl EventSchemas for AnyEvents {
    fn resolve(&self, event_class: &str) -> Option<EventInfo> {
        Some(EventInfo {
            topic: event_class.to_owned(),
            version: None,
            schema: None,
        })
    }

    fn similar(&self, _event_class: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Knows the events of a file by their topic, and by the title of their schema, which is the type's
/// name, when only one has it.
#[derive(Default)]
struct Events {
    topics: BTreeMap<String, Arc<EventSchema>>,
    titles: BTreeMap<String, Vec<String>>,
}

impl Events {
    fn insert(&mut self, topic: String, schema: EventSchema) {
        if let Some(title) = schema.document.get("title").and_then(Json::as_str) {
            self.titles
                .entry(title.to_owned())
                .or_default()
                .push(topic.clone());
        }
        self.topics.insert(topic, Arc::new(schema));
    }

    fn topic<'a>(&'a self, event_class: &'a str) -> &'a str {
        match self.titles.get(event_class).map(Vec::as_slice) {
            Some([only]) if !self.topics.contains_key(event_class) => only,
            _ => event_class,
        }
    }
}

impl EventSchemas for Events {
    fn resolve(&self, event_class: &str) -> Option<EventInfo> {
        let topic = self.topic(event_class);
        let schema = self.topics.get(topic)?;
        Some(EventInfo {
            topic: topic.to_owned(),
            version: None,
            schema: Some(Arc::clone(schema)),
        })
    }

    fn similar(&self, event_class: &str) -> Vec<String> {
        let names = self.topics.keys().chain(self.titles.keys());
        let near = similar(event_class, names.map(String::as_str));
        near.into_iter().map(str::to_owned).collect()
    }
}
