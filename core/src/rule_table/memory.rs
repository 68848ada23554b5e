//! The table of rules in memory: the same semantics as in a database, without its durability.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::store::{RuleList, RuleStore, RuleStoreError, RuleVersion, RuleWrite, VersionConflict};

/// Keeps the table of rules in memory; it ends with the process. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub struct MemoryRules(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// All versions of each rule, ascending, by model and id.
    rules: Mutex<BTreeMap<(String, String), Vec<RuleVersion>>>,
    /// Advanced while `rules` is locked.
    revision: watch::Sender<u64>,
}

impl MemoryRules {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<RuleVersion>>> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RuleStore for MemoryRules {
    async fn write(&self, write: &RuleWrite) -> Result<Option<RuleVersion>, RuleStoreError> {
        let key = (write.model.clone(), write.rule_id.clone());
        let mut rules = self.lock();
        let last = rules.get(&key).and_then(|versions| versions.last());
        let found = last.map_or(0, |last| last.version);
        if let Some(expected) = write.expected.filter(|expected| *expected != found) {
            let (model, rule_id) = key;
            return Err(RuleStoreError::Conflict(VersionConflict {
                model,
                rule_id,
                expected,
                found,
            }));
        }
        let is_there = last.is_some_and(|last| last.document.is_some());
        if write.document.is_none() && !is_there {
            return Ok(None);
        }
        let written = RuleVersion {
            model: write.model.clone(),
            rule_id: write.rule_id.clone(),
            version: found + 1,
            document: write.document.clone(),
            revision: *self.0.revision.borrow() + 1,
            actor: write.actor.clone(),
            at: write.at,
        };
        rules.entry(key).or_default().push(written.clone());
        self.0.revision.send_replace(written.revision);
        Ok(Some(written))
    }

    async fn list(&self, model: Option<&str>) -> Result<RuleList, RuleStoreError> {
        let rules = self.lock();
        let last = rules.values().filter_map(|versions| versions.last());
        let there = last.filter(|last| last.document.is_some());
        let asked = there.filter(|last| model.is_none_or(|model| model == last.model));
        Ok(RuleList {
            revision: *self.0.revision.borrow(),
            rules: asked.cloned().collect(),
        })
    }

    async fn versions(
        &self,
        model: &str,
        rule_id: &str,
    ) -> Result<Vec<RuleVersion>, RuleStoreError> {
        let key = (model.to_owned(), rule_id.to_owned());
        Ok(self.lock().get(&key).cloned().unwrap_or_default())
    }

    async fn revision(&self) -> Result<u64, RuleStoreError> {
        Ok(*self.0.revision.borrow())
    }

    async fn changed(&self, since: u64) -> Result<(), RuleStoreError> {
        let mut revision = self.0.revision.subscribe();
        // The sender lives as long as `self`.
        let _ = revision.wait_for(|now| *now != since).await;
        Ok(())
    }
}
