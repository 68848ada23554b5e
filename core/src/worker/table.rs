//! Which handlers take an event: by topic and version.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::WorkerError;
use crate::catalog::Catalog;
use crate::event::Envelope;
use crate::handler::{HandlerDef, VersionSpec};
use crate::topic::TopicPattern;

/// The handlers of a service, their patterns parsed.
#[derive(Clone, Default)]
pub struct HandlerTable {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone)]
struct Entry {
    def: Arc<HandlerDef>,
    pattern: TopicPattern,
}

impl HandlerTable {
    /// A table of these handlers.
    ///
    /// # Errors
    /// [`WorkerError::DuplicateHandler`], [`WorkerError::Pattern`].
    pub fn new(defs: impl IntoIterator<Item = HandlerDef>) -> Result<Self, WorkerError> {
        let mut entries = BTreeMap::new();
        for def in defs {
            let pattern = def.pattern.parse().map_err(|source| WorkerError::Pattern {
                handler: def.name.clone(),
                source,
            })?;
            let name = def.name.clone();
            let def = Arc::new(def);
            if entries
                .insert(name.clone(), Entry { def, pattern })
                .is_some()
            {
                return Err(WorkerError::DuplicateHandler { name });
            }
        }
        Ok(Self { entries })
    }

    /// A table of every `#[subscribe]` function that is linked into the program.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the program's events or handlers contradict each other (two schemas under one
    /// topic and version).
    pub fn from_catalog() -> Result<Self, WorkerError> {
        let catalog = Catalog::global().map_err(|error| WorkerError::Catalog(error.clone()))?;
        Self::new(catalog.handlers())
    }

    /// The handlers that take this event, by name.
    pub fn matching(&self, envelope: &Envelope) -> Vec<Arc<HandlerDef>> {
        let version = envelope.version.as_deref().and_then(version_number);
        self.entries
            .values()
            .filter(|entry| takes_version(&entry.def.version, version))
            .filter(|entry| entry.pattern.matches(&envelope.topic))
            .map(|entry| Arc::clone(&entry.def))
            .collect()
    }

    /// Whether any handler subscribes to this topic, of whatever version.
    pub fn subscribes_to(&self, topic: &str) -> bool {
        self.entries
            .values()
            .any(|entry| entry.pattern.matches(topic))
    }

    /// The handler of this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<HandlerDef>> {
        self.entries.get(name).map(|entry| &entry.def)
    }

    /// The topic patterns of all handlers, each once, sorted.
    pub fn patterns(&self) -> Vec<String> {
        let mut patterns: Vec<_> = self
            .entries
            .values()
            .map(|entry| entry.pattern.to_string())
            .collect();
        patterns.sort();
        patterns.dedup();
        patterns
    }

    /// The handlers of each queue, by its name; `own` is the queue of those that name none. It is there also when all
    /// name another: they may have had it before.
    pub(super) fn by_queue(&self, own: &str) -> BTreeMap<String, Self> {
        let mut queues = BTreeMap::from([(own.to_owned(), Self::default())]);
        for (name, entry) in &self.entries {
            let queue = entry.def.options.queue.as_deref().unwrap_or(own);
            let table = queues.entry(queue.to_owned()).or_default();
            table.entries.insert(name.clone(), entry.clone());
        }
        queues
    }

    /// All handlers, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &HandlerDef> {
        self.entries.values().map(|entry| &*entry.def)
    }

    /// Whether there are no handlers.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn takes_version(spec: &VersionSpec, version: Option<u32>) -> bool {
    match spec {
        VersionSpec::Latest => true,
        VersionSpec::AtLeast(least) => version.is_some_and(|version| version >= *least),
    }
}

/// `v2` is 2, and so are `2` and `v2.1`; other texts are no version.
fn version_number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
    digits.split('.').next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version_number("v10"), Some(10));
        assert_eq!(version_number("2.1"), Some(2));
        assert_eq!(version_number("latest"), None);
        assert!(takes_version(&VersionSpec::AtLeast(2), Some(10)));
        assert!(!takes_version(&VersionSpec::AtLeast(2), Some(1)));
        assert!(!takes_version(&VersionSpec::AtLeast(1), None));
        assert!(takes_version(&VersionSpec::Latest, None));
    }
}
