//! The rules column: a list of rules that remembers how it was loaded and loses nothing.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::cache::Memo;
use super::document::Rule;
use super::error::{RuleError, RuleErrorKind, RuleErrors, RuleName};
use super::ids::{IdGiver, Ids};
use super::parse;

/// The rules of a row: the value of its `on_change_rules` column.
///
/// Entries that cannot be read as a rule are kept verbatim, so nothing that was edited by hand gets lost;
/// the same holds for a column that is no JSON array at all. What was [`loaded`](Self::loaded) remembers
/// that state: [`added`](Self::added), [`removed`](Self::removed) and [`edited`](Self::edited) tell what has been
/// changed since, and [`merge`](Self::merge) applies just that to what is stored by now.
///
/// ```
/// use celerysalt::rules::{Rule, Rules};
/// use serde_json::json;
///
/// let mut rules = Rules::loaded("[]");
/// rules.push(Rule::when("status").eql("paid").emit_topic("order.paid", json!({})));
/// assert!(rules.is_modified());
/// assert_eq!(rules.added().count(), 1);
/// ```
#[derive(Clone, Default)]
pub struct Rules {
    pub(super) entries: Vec<Entry>,
    pub(super) base: Option<Arc<Vec<Entry>>>,
    pub(super) note: Option<Json>,
    pub(super) memo: OnceLock<Memo>,
}

/// One element of the column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    Rule(Arc<Rule>),
    Broken(Arc<BrokenEntry>),
}

/// An element of the column that is no rule, kept as it is. Equal when the elements are.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrokenEntry {
    /// The element. Of a column that is not JSON: its text.
    pub value: Json,
    /// What is wrong with it.
    pub errors: RuleErrors,
    /// The column as a whole is at fault, and written back so while nothing else joins it.
    column: Option<Whole>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Whole {
    /// The column's text is not JSON.
    Text,
    /// The column is JSON, but no array.
    Value,
}

impl Whole {
    /// The key beside a note under which the column travels that the note has joined.
    fn key(self) -> &'static str {
        match self {
            Self::Text => "column_text",
            Self::Value => "column",
        }
    }
}

/// The key of the element in which an adapter keeps its own note.
const NOTE: &str = "celerysalt";

impl Rules {
    /// No rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// The column as it was loaded from the database; later changes are told apart from this state.
    /// Never fails: what cannot be read is kept and shows in [`broken`](Self::broken).
    pub fn loaded(text: &str) -> Self {
        Self::read_text(text, Ids::FromContent).rebased()
    }

    /// Like [`loaded`](Self::loaded), from a JSON value. Where the database hands out text, prefer that: a
    /// parsed value may have lost digits of wide numbers.
    pub fn loaded_value(value: Json) -> Self {
        Self::read_value(value, Ids::FromContent).rebased()
    }

    /// Rules from JSON text that was not loaded from a row: every rule in it counts as added. Never fails.
    pub fn from_json(text: &str) -> Self {
        Self::read_text(text, Ids::Random)
    }

    /// Like [`from_json`](Self::from_json), from a JSON value.
    pub fn from_value(value: Json) -> Self {
        Self::read_value(value, Ids::Random)
    }

    /// The same rules, with their present state as the loaded one: what an adapter hands back after a save.
    #[must_use]
    pub fn rebased(mut self) -> Self {
        self.base = Some(Arc::new(self.entries.clone()));
        self
    }

    /// Adds a rule at the end.
    pub fn push(&mut self, rule: Rule) {
        self.touch().push(Entry::Rule(Arc::new(rule)));
    }

    /// Takes the first rule of this id out.
    pub fn remove(&mut self, id: &str) -> Option<Rule> {
        let at = self.entries.iter().position(|entry| entry.has_id(id))?;
        match self.touch().remove(at) {
            Entry::Rule(rule) => Some(Arc::unwrap_or_clone(rule)),
            Entry::Broken(_) => None,
        }
    }

    /// Takes everything out, also what cannot be read. Unlike [`new`](Self::new) it remembers what was loaded, so that a save
    /// takes these rules out of the row.
    ///
    /// ```
    /// use celerysalt::rules::Rules;
    ///
    /// # let rule = r#"[{"id": "a", "field_name": "x", "operator": "changed", "event_class": "x.changed", "event_data": {}}]"#;
    /// let stored = Rules::loaded(rule);
    /// let mut rules = stored.clone();
    /// rules.clear();
    /// assert!(Rules::merge(&stored, &rules).is_empty());
    /// // Nobody knows what these were loaded with, so nothing is taken out.
    /// assert_eq!(Rules::merge(&stored, &Rules::new()).len(), 1);
    /// ```
    pub fn clear(&mut self) {
        self.touch().clear();
    }

    /// Keeps the rules for which `keep` says so. Broken entries stay.
    pub fn retain(&mut self, mut keep: impl FnMut(&Rule) -> bool) {
        self.touch()
            .retain(|entry| entry.rule().is_none_or(|rule| keep(rule)));
    }

    /// The first rule of this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.iter().find(|rule| rule.id == id)
    }

    /// The first rule of this id, to edit.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Rule> {
        let mut entries = self.touch().iter_mut();
        entries.find_map(|entry| match entry {
            Entry::Rule(rule) if rule.id == id => Some(Arc::make_mut(rule)),
            _ => None,
        })
    }

    /// The rules that can be read, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.entries
            .iter()
            .filter_map(Entry::rule)
            .map(|rule| &**rule)
    }

    /// The entries that cannot be read, in order.
    pub fn broken(&self) -> impl Iterator<Item = &BrokenEntry> {
        self.entries.iter().filter_map(Entry::broken)
    }

    /// Takes the entries that cannot be read out.
    pub fn discard_broken(&mut self) -> Vec<BrokenEntry> {
        let taken = self.broken().cloned().collect();
        self.touch().retain(|entry| entry.rule().is_some());
        taken
    }

    /// How many entries there are, broken ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The column as JSON: an array, or what stood there when it was none and nothing was added.
    pub fn to_value(&self) -> Json {
        let note = self.note.as_ref();
        match (self.whole(), note) {
            (Some((broken, _)), None) => return broken.value.clone(),
            (Some((broken, whole)), Some(note)) => {
                return json!([{ NOTE: note, whole.key(): broken.value }]);
            }
            (None, _) => {}
        }
        let entries = self.entries.iter().map(Entry::to_value);
        let note = note.map(|note| json!({ NOTE: note }));
        Json::Array(entries.chain(note).collect())
    }

    /// The column as text, as it is stored.
    pub fn to_json(&self) -> String {
        match (self.whole(), &self.note) {
            (Some((broken, Whole::Text)), None) => match &broken.value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            },
            _ => self.to_value().to_string(),
        }
    }

    /// The entries as text, without the note: what compiled rules are known by.
    pub(super) fn content(&self) -> String {
        let items = self.entries.iter().map(Entry::to_value);
        Json::Array(items.collect()).to_string()
    }

    /// An adapter's private note in the column; neither a rule nor broken. Callers leave it alone.
    pub fn note(&self) -> Option<&Json> {
        self.note.as_ref()
    }

    /// Sets or clears the adapter's note.
    pub fn set_note(&mut self, note: Option<Json>) {
        self.note = note;
    }

    /// The entry that stands for the whole column, while no other has joined it.
    fn whole(&self) -> Option<(&BrokenEntry, Whole)> {
        match self.entries.as_slice() {
            [Entry::Broken(broken)] => broken.column.map(|whole| (&**broken, whole)),
            _ => None,
        }
    }

    /// The entries, to change: what was derived from them is forgotten.
    fn touch(&mut self) -> &mut Vec<Entry> {
        self.memo = OnceLock::new();
        &mut self.entries
    }

    fn read_text(text: &str, ids: Ids) -> Self {
        if text.trim().is_empty() {
            return Self::new();
        }
        match serde_json::from_str(&crate::json::keep_digits(text)) {
            Ok(value) => Self::read_value(value, ids),
            Err(error) => {
                let reason = error.to_string();
                let kind = RuleErrorKind::NotJson { reason };
                Self::unreadable(Json::String(text.to_owned()), Whole::Text, kind)
            }
        }
    }

    fn read_value(value: Json, ids: Ids) -> Self {
        match value {
            Json::Array(items) => {
                Self::read_joined(&items).unwrap_or_else(|| Self::read_items(items, ids))
            }
            Json::Null => Self::new(),
            other => {
                let found = crate::json::kind(&other);
                Self::unreadable(other, Whole::Value, RuleErrorKind::NotAList { found })
            }
        }
    }

    /// A column that is no array, which a note has joined.
    fn read_joined(items: &[Json]) -> Option<Self> {
        let [Json::Object(item)] = items else {
            return None;
        };
        let (note, is_alone) = (item.get(NOTE)?, item.len() == 2);
        let text = item.get(Whole::Text.key()).and_then(Json::as_str);
        let value = item.get(Whole::Value.key());
        let column = text.map(|text| Self::read_text(text, Ids::FromContent));
        let column = column.or_else(|| Some(Self::read_value(value?.clone(), Ids::FromContent)));
        let mut rules = column.filter(|rules| is_alone && rules.whole().is_some())?;
        rules.note = Some(note.clone());
        Some(rules)
    }

    fn read_items(items: Vec<Json>, ids: Ids) -> Self {
        let mut rules = Self::new();
        let mut ids = IdGiver::new(ids);
        for (index, item) in items.into_iter().enumerate() {
            match note_in(&item) {
                Some(note) if rules.note.is_none() => rules.note = Some(note.clone()),
                _ => {
                    let entry = Self::read_item(index, item, &mut ids);
                    rules.entries.push(entry);
                }
            }
        }
        rules
    }

    fn read_item(index: usize, item: Json, ids: &mut IdGiver) -> Entry {
        match parse::rule(&item, &mut || ids.id_for(&item)) {
            Ok(rule) => {
                ids.take(&rule.id);
                Entry::Rule(Arc::new(rule))
            }
            Err(mut errors) => {
                errors.number(index);
                Entry::Broken(Arc::new(BrokenEntry {
                    value: item,
                    errors,
                    column: None,
                }))
            }
        }
    }

    fn unreadable(value: Json, column: Whole, kind: RuleErrorKind) -> Self {
        let errors = RuleErrors(vec![RuleError {
            rule: RuleName::List,
            path: String::new(),
            kind,
        }]);
        let entry = Entry::Broken(Arc::new(BrokenEntry {
            value,
            errors,
            column: Some(column),
        }));
        Self {
            entries: vec![entry],
            ..Self::default()
        }
    }
}

fn note_in(item: &Json) -> Option<&Json> {
    let map = item.as_object().filter(|map| map.len() == 1)?;
    map.get(NOTE)
}

impl Entry {
    pub(super) fn rule(&self) -> Option<&Arc<Rule>> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Broken(_) => None,
        }
    }

    fn broken(&self) -> Option<&BrokenEntry> {
        match self {
            Self::Rule(_) => None,
            Self::Broken(broken) => Some(broken),
        }
    }

    pub(super) fn has_id(&self, id: &str) -> bool {
        self.rule().is_some_and(|rule| rule.id == id)
    }

    /// Its text; equal for equal entries, and only for those.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Broken(broken) if broken.column.is_some() => format!("column {}", broken.value),
            entry => entry.to_value().to_string(),
        }
    }

    pub(super) fn to_value(&self) -> Json {
        match self {
            Self::Rule(rule) => rule.to_value(),
            Self::Broken(broken) => broken.value.clone(),
        }
    }
}

impl PartialEq for BrokenEntry {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.column == other.column
    }
}

impl PartialEq for Rules {
    /// The same entries in the same order; how they were loaded, and the adapter's note, do not count.
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.entries).finish()
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        let entries = rules.into_iter().map(|rule| Entry::Rule(Arc::new(rule)));
        Self {
            entries: entries.collect(),
            ..Self::default()
        }
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        rules.into_iter().collect()
    }
}

impl Extend<Rule> for Rules {
    fn extend<I: IntoIterator<Item = Rule>>(&mut self, rules: I) {
        rules.into_iter().for_each(|rule| self.push(rule));
    }
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::from_value)
    }
}

impl JsonSchema for Rules {
    fn schema_name() -> Cow<'static, str> {
        "Rules".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "array",
            "items": {"type": "object"},
            "description": "Rules: which change of a field fires which event."
        })
    }
}
