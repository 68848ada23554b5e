//! The three-way merge of rules columns, by rule id: what was stored meanwhile and what a caller changed.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::column::{Entry, Rules};
use super::document::Rule;

impl Rules {
    /// The rules that were added since loading.
    pub fn added(&self) -> impl Iterator<Item = &Rule> {
        let base = by_id(self.base());
        self.iter()
            .filter(move |rule| !base.contains_key(rule.id.as_str()))
    }

    /// The rules that were there when the column was loaded and are gone.
    pub fn removed(&self) -> impl Iterator<Item = &Rule> {
        let own = by_id(&self.entries);
        let base = self.base().iter().filter_map(Entry::rule);
        base.map(|rule| &**rule)
            .filter(move |rule| !own.contains_key(rule.id.as_str()))
    }

    /// The rules that were there when the column was loaded and have changed since, as they are now.
    pub fn edited(&self) -> impl Iterator<Item = &Rule> {
        let base = by_id(self.base());
        self.iter().filter(move |rule| {
            let before = base.get(rule.id.as_str());
            before.is_some_and(|before| ***before != **rule)
        })
    }

    /// The same rules as a change of `loaded`, unless they remember a loaded state of their own: for a caller who
    /// replaced a row's rules as a whole.
    ///
    /// ```
    /// use celerysalt::rules::Rules;
    ///
    /// # let rule = r#"[{"id": "a", "field_name": "x", "operator": "changed", "event_class": "x.changed", "event_data": {}}]"#;
    /// let stored = Rules::loaded(rule);
    /// let emptied = Rules::new().since(&stored);
    /// assert_eq!(emptied.removed().count(), 1);
    /// assert!(Rules::merge(&stored, &emptied).is_empty());
    /// ```
    #[must_use]
    pub fn since(mut self, loaded: &Rules) -> Self {
        self.base
            .get_or_insert_with(|| Arc::new(loaded.entries.clone()));
        self
    }

    /// Whether anything differs from the loaded state. Order does not count.
    pub fn is_modified(&self) -> bool {
        self.added().next().is_some()
            || self.removed().next().is_some()
            || self.edited().next().is_some()
            || !minus(&self.entries, self.base()).is_empty()
            || !minus(self.base(), &self.entries).is_empty()
    }

    /// What to store when a caller's rules meet those stored by now: the stored ones, less what the caller
    /// removed, with what the caller edited, followed by what the caller added since loading.
    ///
    /// A rule that the caller loaded and that is no longer stored has fired or was removed: it stays gone,
    /// edited or not. A rule that was stored meanwhile stays. Where the caller added an id that is stored
    /// already, the caller's rule wins. The adapter's note is the stored one. Both sides are to be read by
    /// [`loaded`](Self::loaded); the result has `stored` as its loaded state, so
    /// [`is_modified`](Self::is_modified) tells whether it must be written.
    #[must_use]
    pub fn merge(stored: &Rules, callers: &Rules) -> Rules {
        let base = by_id(callers.base());
        let own = by_id(&callers.entries);
        let mut discarded = Counts::of(&minus(callers.base(), &callers.entries));
        let mut entries: Vec<Entry> = Vec::with_capacity(stored.entries.len());
        for entry in &stored.entries {
            match entry {
                Entry::Rule(rule) => entries.extend(kept(rule, &base, &own).map(Entry::Rule)),
                Entry::Broken(_) if discarded.take(entry) => {}
                Entry::Broken(_) => entries.push(entry.clone()),
            }
        }
        entries.extend(additions(stored, callers).cloned());
        Rules {
            entries,
            base: Some(Arc::new(stored.entries.clone())),
            note: stored.note.clone(),
            memo: OnceLock::new(),
        }
    }

    fn base(&self) -> &[Entry] {
        self.base.as_ref().map_or(&[], |base| base.as_slice())
    }
}

type ById<'r> = HashMap<&'r str, &'r Arc<Rule>>;

/// The first rule of each id.
fn by_id(entries: &[Entry]) -> ById<'_> {
    let mut rules = HashMap::with_capacity(entries.len());
    for rule in entries.iter().filter_map(Entry::rule) {
        rules.entry(rule.id.as_str()).or_insert(rule);
    }
    rules
}

/// What becomes of a stored rule: `None` when the caller removed it.
fn kept(stored: &Arc<Rule>, base: &ById<'_>, own: &ById<'_>) -> Option<Arc<Rule>> {
    let id = stored.id.as_str();
    match (base.get(id), own.get(id)) {
        (Some(_), None) => None,
        (Some(before), Some(now)) if before != now => Some(Arc::clone(now)),
        (None, Some(now)) => Some(Arc::clone(now)),
        _ => Some(Arc::clone(stored)),
    }
}

/// What the caller added since loading and is not stored yet.
fn additions<'c>(stored: &Rules, callers: &'c Rules) -> impl Iterator<Item = &'c Entry> {
    let known = by_id(&stored.entries);
    let base = by_id(callers.base());
    let new_broken = Counts::of(&minus(&callers.entries, callers.base()));
    let stored_broken = Counts::of(&broken(&stored.entries).collect::<Vec<_>>());
    callers.entries.iter().filter(move |entry| match entry {
        Entry::Rule(rule) => {
            let id = rule.id.as_str();
            !known.contains_key(id) && !base.contains_key(id)
        }
        Entry::Broken(_) => new_broken.has(entry) && !stored_broken.has(entry),
    })
}

fn broken(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.rule().is_none())
}

/// The broken entries of `left` that are not in `right`, each as often as it is there more.
fn minus<'e>(left: &'e [Entry], right: &[Entry]) -> Vec<&'e Entry> {
    if broken(left).next().is_none() {
        return Vec::new();
    }
    let mut rest = Counts::of(&broken(right).collect::<Vec<_>>());
    broken(left).filter(|entry| !rest.take(entry)).collect()
}

/// Broken entries and how often each is there, by their text: a column may hold thousands.
struct Counts(HashMap<String, usize>);

impl Counts {
    fn of(entries: &[&Entry]) -> Self {
        let mut counts = HashMap::new();
        for entry in entries {
            *counts.entry(entry.text()).or_default() += 1;
        }
        Self(counts)
    }

    fn has(&self, entry: &Entry) -> bool {
        self.0.contains_key(&entry.text())
    }

    /// Takes one of these out, if there is one.
    fn take(&mut self, entry: &Entry) -> bool {
        match self.0.get_mut(&entry.text()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}
