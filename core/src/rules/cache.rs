//! Compiled rules are kept: in the list itself, and for lists of the same content in the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::column::Rules;
use super::compile::CompiledRules;
use crate::model::ModelDef;

/// What a list of rules was compiled to, and for which model.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    model: u64,
    compiled: Arc<CompiledRules>,
}

impl Rules {
    /// The rules compiled for this model; compiled at most once as long as they are used.
    pub(super) fn compiled(&self, model: &ModelDef) -> Arc<CompiledRules> {
        let memo = self.memo.get_or_init(|| Memo {
            model: model.identity(),
            compiled: lookup(model, self),
        });
        match memo.model == model.identity() {
            true => Arc::clone(&memo.compiled),
            false => lookup(model, self),
        }
    }
}

/// Bytes of rules in a generation of the cache: two generations are kept.
const GENERATION: usize = 8 * 1024 * 1024;

/// A generation that is full becomes the old one; what is used again comes back from there, and what is not is
/// gone with the next. The bound is on content, so that many small rows and a few long lists both fit.
#[derive(Default)]
struct Cache {
    young: HashMap<Key, Arc<CompiledRules>>,
    old: HashMap<Key, Arc<CompiledRules>>,
    young_bytes: usize,
}

type Key = (u64, Arc<str>);

static CACHE: Mutex<Option<Cache>> = Mutex::new(None);

fn lookup(model: &ModelDef, rules: &Rules) -> Arc<CompiledRules> {
    let key: Key = (model.identity(), rules.content().into());
    if let Some(known) = cache().get_or_insert_default().get(&key) {
        return known;
    }
    // Compiled outside of the lock: others need not wait, and two that compile the same come to the same.
    let compiled = Arc::new(CompiledRules::compile(model, rules));
    cache()
        .get_or_insert_default()
        .put(key, Arc::clone(&compiled));
    compiled
}

fn cache() -> MutexGuard<'static, Option<Cache>> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    fn get(&mut self, key: &Key) -> Option<Arc<CompiledRules>> {
        if let Some(known) = self.young.get(key) {
            return Some(Arc::clone(known));
        }
        let (key, known) = self.old.remove_entry(key)?;
        self.put(key, Arc::clone(&known));
        Some(known)
    }

    fn put(&mut self, key: Key, compiled: Arc<CompiledRules>) {
        // What is compiled takes some times its text.
        let bytes = key.1.len() + 64;
        if self.young_bytes + bytes > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, compiled);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn entry(cache: &mut Cache, name: &str, bytes: usize) -> Key {
        let text = format!("{name}{}", " ".repeat(bytes));
        let key: Key = (0, text.into());
        let model = ModelDef::new("m", Vec::new());
        let compiled = Arc::new(CompiledRules::compile(&model, &Rules::new()));
        cache.put(key.clone(), compiled);
        key
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut cache = Cache::default();
        let used = entry(&mut cache, "used", 10);
        let unused = entry(&mut cache, "unused", 10);
        for i in 0..40 {
            entry(&mut cache, &format!("filler {i}"), GENERATION / 8);
            assert!(cache.get(&used).is_some());
        }
        assert!(cache.get(&unused).is_none());
        assert!(cache.young.len() + cache.old.len() < 20);
    }

    #[test]
    fn rows_with_the_same_rules_share_what_was_compiled() {
        let model = ModelDef::new("m", Vec::new());
        let text = r#"[{"id": "r", "field_name": "x", "operator": "changed", "event_class": "e"}]"#;
        let (a, b) = (Rules::loaded(text), Rules::loaded(text));
        assert!(Arc::ptr_eq(&a.compiled(&model), &b.compiled(&model)));
        let other = ModelDef::new("m", Vec::new());
        assert!(!Arc::ptr_eq(&a.compiled(&model), &a.compiled(&other)));
    }
}
