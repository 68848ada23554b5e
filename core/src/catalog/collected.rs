//! The catalog itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::version::version_number;
use super::{
    CatalogError, CatalogProblem, EventEntry, EventInfo, EventSchema, EventSchemas, LookupError,
    Missing, Place, Role, SchemaError, SubscriberEntry, differences,
};
use crate::event::Mode;
use crate::handler::HandlerDef;
use crate::names::similar;

/// Every event and handler that is linked into the program.
///
/// ```
/// use celerysalt::catalog::Catalog;
/// use celerysalt::event;
///
/// #[event("invoice.sent")]
/// struct InvoiceSent { number: u32 }
///
/// let catalog = Catalog::global().unwrap();
/// let sent = catalog.find("invoice.sent").unwrap();
/// assert_eq!((sent.version(), sent.name()), ("v1", "InvoiceSent"));
/// assert!(sent.schema().unwrap().validator.is_valid(&serde_json::json!({"number": 7})));
/// ```
pub struct Catalog {
    topics: Topics,
    /// The topics that a type name stands for.
    names: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// In the order of their names, with where they are declared.
    handlers: BTreeMap<String, (HandlerDef, &'static str)>,
}

impl Catalog {
    /// Collects what the macros have submitted, in the order of topics and names.
    ///
    /// # Errors
    /// When types or handlers contradict each other; all contradictions at once.
    pub fn collect() -> Result<Self, CatalogError> {
        Self::from_entries(
            inventory::iter::<EventEntry>(),
            inventory::iter::<SubscriberEntry>(),
        )
    }

    /// The catalog of this program, collected once.
    ///
    /// # Errors
    /// As [`Catalog::collect`], and the same error each time.
    pub fn global() -> Result<&'static Self, &'static CatalogError> {
        static GLOBAL: OnceLock<Result<Catalog, CatalogError>> = OnceLock::new();
        GLOBAL.get_or_init(Self::collect).as_ref()
    }

    /// A catalog of entries at hand instead of the linked ones.
    ///
    /// # Errors
    /// As [`Catalog::collect`].
    pub fn from_entries<'a>(
        events: impl IntoIterator<Item = &'a EventEntry>,
        subscribers: impl IntoIterator<Item = &'a SubscriberEntry>,
    ) -> Result<Self, CatalogError> {
        let mut builder = Builder::default();
        let mut events: Vec<_> = events.into_iter().collect();
        // Links decide the order of entries; errors must not.
        events.sort_by_key(|e| (e.topic, e.role, e.version, e.location, e.name));
        events.into_iter().for_each(|entry| builder.event(entry));
        let mut subscribers: Vec<_> = subscribers.into_iter().collect();
        subscribers.sort_by_key(|s| s.location);
        subscribers
            .into_iter()
            .for_each(|entry| builder.handler(entry));
        builder.finish()
    }

    /// Every event, response and error, by topic, role and version.
    pub fn events(&self) -> impl Iterator<Item = &CatalogEvent> {
        self.topics.values().flat_map(BTreeMap::values)
    }

    /// Every handler, by name.
    pub fn handlers(&self) -> Vec<HandlerDef> {
        self.handlers.values().map(|(def, _)| def.clone()).collect()
    }

    /// The type of this very topic, role and version (`v1`).
    pub fn event(&self, topic: &str, role: Role, version: &str) -> Option<&CatalogEvent> {
        self.topics
            .get(topic)?
            .get(&(role, version_number(version)?))
    }

    /// The newest version of a topic's event, response or error.
    pub fn newest(&self, topic: &str, role: Role) -> Option<&CatalogEvent> {
        let mut versions = self.topics.get(topic)?.range((role, 0)..=(role, u32::MAX));
        versions.next_back().map(|(_, event)| event)
    }

    /// The event that a topic or a type name means; of several versions the newest.
    ///
    /// # Errors
    /// When nothing has this name, or a type name stands for several topics.
    pub fn find(&self, event_class: &str) -> Result<&CatalogEvent, LookupError> {
        let by_name = self.names.get(event_class);
        match self.newest(event_class, Role::Event) {
            Some(event) => Ok(event),
            None => self.find_by_name(event_class, by_name),
        }
    }

    /// Checks that the program has these events (by topic or type name): a crate that is a dependency but
    /// that no code names is not linked, and its events are silently absent.
    ///
    /// ```
    /// # use celerysalt::catalog::Catalog;
    /// let missing = Catalog::global().unwrap().expect(["parcel.lost"]).unwrap_err();
    /// assert_eq!(missing.topics, ["parcel.lost"]);
    /// ```
    ///
    /// # Errors
    /// Says what is missing.
    pub fn expect<S: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = S>,
    ) -> Result<(), Missing> {
        let known = |topic: &str| {
            self.newest(topic, Role::Event).is_some() || self.names.contains_key(topic)
        };
        let missing = topics.into_iter().filter(|topic| !known(topic.as_ref()));
        let topics: Vec<String> = missing.map(|topic| topic.as_ref().to_owned()).collect();
        if topics.is_empty() {
            return Ok(());
        }
        let similar = topics.iter().flat_map(|topic| self.similar(topic));
        let similar: BTreeSet<String> = similar.collect();
        Err(Missing {
            similar: similar.into_iter().collect(),
            topics,
        })
    }

    fn find_by_name(
        &self,
        name: &str,
        topics: Option<&BTreeSet<&'static str>>,
    ) -> Result<&CatalogEvent, LookupError> {
        let topics: Vec<&str> = topics.into_iter().flatten().copied().collect();
        let only = match topics[..] {
            [topic] => self.newest(topic, Role::Event),
            _ => None,
        };
        only.ok_or_else(|| match topics.is_empty() {
            true => LookupError::Unknown {
                name: name.to_owned(),
                similar: self.similar(name),
            },
            false => LookupError::Ambiguous {
                name: name.to_owned(),
                topics: topics.iter().map(|&t| t.to_owned()).collect(),
            },
        })
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalog")
            .field("topics", &self.topics)
            .field("handlers", &self.handlers.keys())
            .finish_non_exhaustive()
    }
}

impl EventSchemas for Catalog {
    fn resolve(&self, event_class: &str) -> Option<EventInfo> {
        let event = self.find(event_class).ok()?;
        // An unusable schema can check nothing: the event counts as unknown rather than as unchecked.
        let schema = event.schema().inspect_err(|error| {
            tracing::error!(topic = event.topic, location = event.location, %error, "unusable event schema");
        });
        Some(EventInfo {
            topic: event.topic.to_owned(),
            version: Some(event.version.to_owned()),
            schema: Some(Arc::clone(schema.ok()?)),
        })
    }

    /// For a type name of several events: their topics.
    fn similar(&self, event_class: &str) -> Vec<String> {
        if let Some(topics) = self.names.get(event_class) {
            return topics.iter().map(|&t| t.to_owned()).collect();
        }
        let events = self.events().filter(|event| event.role == Role::Event);
        let topics = events.map(CatalogEvent::topic);
        let near = similar(event_class, topics.chain(self.names.keys().copied()));
        near.into_iter().map(str::to_owned).collect()
    }
}

/// By topic, then by role and version number.
type Topics = BTreeMap<&'static str, BTreeMap<(Role, u32), CatalogEvent>>;

/// A type of the catalog: an event, a response or an error.
#[derive(Debug)]
pub struct CatalogEvent {
    topic: &'static str,
    version: &'static str,
    role: Role,
    mode: Mode,
    name: &'static str,
    location: &'static str,
    document: Value,
    compiled: OnceLock<Result<Arc<EventSchema>, SchemaError>>,
}

impl CatalogEvent {
    /// The topic.
    pub fn topic(&self) -> &'static str {
        self.topic
    }

    /// The version: `v1`.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Event, response or error.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Broadcast or RPC.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The Rust type's name (of one of them, where several declare the same).
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it is declared: `file:line`.
    pub fn location(&self) -> &'static str {
        self.location
    }

    /// The JSON Schema (the reader's), draft 2020-12.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The schema with its validator, compiled on the first call.
    ///
    /// # Errors
    /// When the type's schema, written by hand, is not one.
    pub fn schema(&self) -> Result<&Arc<EventSchema>, &SchemaError> {
        let compile = || EventSchema::compile(self.document.clone()).map(Arc::new);
        self.compiled.get_or_init(compile).as_ref()
    }

    fn place(&self) -> Place {
        Place {
            name: self.name.to_owned(),
            location: self.location.to_owned(),
        }
    }
}

/// Collects entries and their contradictions.
#[derive(Default)]
struct Builder {
    topics: Topics,
    names: BTreeMap<&'static str, BTreeSet<&'static str>>,
    handlers: BTreeMap<String, (HandlerDef, &'static str)>,
    problems: Vec<CatalogProblem>,
}

impl Builder {
    fn event(&mut self, entry: &EventEntry) {
        let event = CatalogEvent {
            topic: entry.topic,
            version: entry.version,
            role: entry.role,
            mode: entry.mode,
            name: entry.name,
            location: entry.location,
            document: (entry.schema)(),
            compiled: OnceLock::new(),
        };
        let Some(version) = version_number(entry.version) else {
            return self.problems.push(CatalogProblem::Version {
                topic: entry.topic.to_owned(),
                version: entry.version.to_owned(),
                place: event.place(),
            });
        };
        if entry.role == Role::Event {
            self.names
                .entry(entry.name)
                .or_default()
                .insert(entry.topic);
        }
        let versions = self.topics.entry(entry.topic).or_default();
        match versions.get(&(entry.role, version)) {
            Some(first) => self.problems.extend(contradictions(first, &event)),
            None => {
                versions.insert((entry.role, version), event);
            }
        }
    }

    fn handler(&mut self, entry: &SubscriberEntry) {
        let def = (entry.make)();
        match self.handlers.get(&def.name) {
            Some((_, first)) => self.problems.push(CatalogProblem::Handlers {
                name: def.name,
                first: (*first).to_owned(),
                second: entry.location.to_owned(),
            }),
            None => {
                self.handlers
                    .insert(def.name.clone(), (def, entry.location));
            }
        }
    }

    fn finish(self) -> Result<Catalog, CatalogError> {
        if !self.problems.is_empty() {
            return Err(CatalogError {
                problems: self.problems,
            });
        }
        Ok(Catalog {
            topics: self.topics,
            names: self.names,
            handlers: self.handlers,
        })
    }
}

fn contradictions(first: &CatalogEvent, second: &CatalogEvent) -> Vec<CatalogProblem> {
    let mut found = Vec::new();
    let differences = differences(&first.document, &second.document);
    if !differences.is_empty() {
        found.push(CatalogProblem::Schemas {
            topic: first.topic.to_owned(),
            version: first.version.to_owned(),
            role: first.role,
            first: first.place(),
            second: second.place(),
            differences,
        });
    }
    if first.mode != second.mode {
        found.push(CatalogProblem::Modes {
            topic: first.topic.to_owned(),
            version: first.version.to_owned(),
            first: first.place(),
            second: second.place(),
        });
    }
    found
}
