//! The table as programs use it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::snapshot::{self, Snapshot};
use super::store::{
    RuleList, RuleStoreError, RuleVersion, RuleWrite, SharedRuleStore, VersionConflict,
};
use crate::actor;
use crate::clock::{self, SharedClock};
use crate::follow::{self, FollowError};
use crate::model::ModelDef;
use crate::rules::{Rule, RuleErrors, Rules};

/// The rules of models, in a table; see the [module](super). Clones are the same table.
///
/// Who writes is [`actor::current`].
#[derive(Clone)]
pub struct RuleTable {
    pub(super) store: SharedRuleStore,
    pub(super) clock: SharedClock,
}

/// Why the table did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleTableError {
    /// The rule is wrong. Nothing was written.
    #[error(transparent)]
    Refused(#[from] FollowError),
    /// The rule is at another version than expected. Nothing was written.
    #[error(transparent)]
    Conflict(#[from] VersionConflict),
    /// There is no such version to restore.
    #[error(
        "rule `{rule_id}` of `{model}` has no version {version}; `versions` lists those that there are"
    )]
    NoSuchVersion {
        /// The model.
        model: String,
        /// The rule.
        rule_id: String,
        /// The version that was asked for.
        version: u64,
    },
    /// The store failed; see [`RuleStore`](super::RuleStore) for what may be tried again.
    #[error(transparent)]
    Store(RuleStoreError),
}

impl From<RuleStoreError> for RuleTableError {
    fn from(error: RuleStoreError) -> Self {
        match error {
            RuleStoreError::Conflict(conflict) => Self::Conflict(conflict),
            error => Self::Store(error),
        }
    }
}

impl RuleTable {
    /// The table that is kept in this store, with the [ambient clock](clock::ambient).
    pub fn new(store: SharedRuleStore) -> Self {
        let clock = clock::ambient();
        Self { store, clock }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(self, clock: SharedClock) -> Self {
        Self { clock, ..self }
    }

    /// Adds a rule to a model, or replaces the one of its id.
    ///
    /// # Errors
    /// [`RuleTableError::Refused`] with each problem of the rule: it is checked as one that is attached to a row.
    pub async fn put(&self, model: &ModelDef, rule: Rule) -> Result<RuleVersion, RuleTableError> {
        self.write_checked(model, rule, None).await
    }

    /// [`put`](Self::put), when the rule is at this version still: 0 when it was never there.
    ///
    /// # Errors
    /// As there; [`RuleTableError::Conflict`] when it is at another.
    pub async fn put_over(
        &self,
        model: &ModelDef,
        rule: Rule,
        version: u64,
    ) -> Result<RuleVersion, RuleTableError> {
        self.write_checked(model, rule, Some(version)).await
    }

    /// Takes a rule out; its versions are kept. `None` when it is not there.
    ///
    /// # Errors
    /// [`RuleTableError::Store`].
    pub async fn remove(
        &self,
        model: &str,
        rule_id: &str,
    ) -> Result<Option<RuleVersion>, RuleTableError> {
        self.write(model, rule_id, None, None).await
    }

    /// [`remove`](Self::remove), when the rule is at this version still.
    ///
    /// # Errors
    /// As there; [`RuleTableError::Conflict`] when it is at another.
    pub async fn remove_over(
        &self,
        model: &str,
        rule_id: &str,
        version: u64,
    ) -> Result<Option<RuleVersion>, RuleTableError> {
        self.write(model, rule_id, None, Some(version)).await
    }

    /// Makes an earlier version of a rule its newest one. The rule is checked against the model as it is now. To restore
    /// a removal is to remove, and `None` when the rule is not there.
    ///
    /// # Errors
    /// [`RuleTableError::NoSuchVersion`], and those of [`put`](Self::put).
    pub async fn restore(
        &self,
        model: &ModelDef,
        rule_id: &str,
        version: u64,
    ) -> Result<Option<RuleVersion>, RuleTableError> {
        let versions = self.store.versions(model.name(), rule_id).await?;
        let wanted = versions.iter().find(|each| each.version == version);
        let wanted = wanted.ok_or_else(|| RuleTableError::NoSuchVersion {
            model: model.name().to_owned(),
            rule_id: rule_id.to_owned(),
            version,
        })?;
        match wanted.rule().map_err(|errors| refused(model, errors))? {
            Some(rule) => self.put(model, rule).await.map(Some),
            None => self.remove(model.name(), rule_id).await,
        }
    }

    /// A rule as it is now; `None` when it is not there.
    ///
    /// # Errors
    /// [`RuleTableError::Store`].
    pub async fn get(
        &self,
        model: &str,
        rule_id: &str,
    ) -> Result<Option<RuleVersion>, RuleTableError> {
        let mut versions = self.versions(model, rule_id).await?;
        Ok(versions.pop().filter(|last| last.document.is_some()))
    }

    /// The rules of a model, by their ids.
    ///
    /// # Errors
    /// [`RuleTableError::Store`].
    pub async fn list(&self, model: &str) -> Result<Vec<RuleVersion>, RuleTableError> {
        let mut rules = self.store.list(Some(model)).await?.rules;
        rules.sort_by(|a, b| a.rule_id.cmp(&b.rule_id));
        Ok(rules)
    }

    /// Every version of a rule, the oldest first: who wrote it, when, and the rule or its removal.
    ///
    /// # Errors
    /// [`RuleTableError::Store`].
    pub async fn versions(
        &self,
        model: &str,
        rule_id: &str,
    ) -> Result<Vec<RuleVersion>, RuleTableError> {
        Ok(self.store.versions(model, rule_id).await?)
    }

    /// Reads the rules of all models, for every save of this process (of this [`scope`](super::scope), inside of one) to
    /// see from now on in place of those that were loaded before. Gives the table's revision.
    ///
    /// # Errors
    /// [`RuleTableError::Store`]; what was loaded before stays.
    pub async fn load(&self) -> Result<u64, RuleTableError> {
        let list = self.store.list(None).await?;
        let revision = list.revision;
        snapshot::publish(Snapshot::of(list, snapshot::current().as_deref()));
        Ok(revision)
    }

    async fn write_checked(
        &self,
        model: &ModelDef,
        rule: Rule,
        expected: Option<u64>,
    ) -> Result<RuleVersion, RuleTableError> {
        let (id, document) = (rule.id.clone(), rule.to_value());
        follow::check_standing(model, &Rules::from(vec![rule]))?;
        let written = self.write(model.name(), &id, Some(document), expected);
        match written.await? {
            Some(version) => Ok(version),
            None => Err(RuleTableError::Store(RuleStoreError::Store(
                "the store says that it had nothing to write for a rule".into(),
            ))),
        }
    }

    async fn write(
        &self,
        model: &str,
        rule_id: &str,
        document: Option<Json>,
        expected: Option<u64>,
    ) -> Result<Option<RuleVersion>, RuleTableError> {
        let write = RuleWrite {
            model: model.to_owned(),
            rule_id: rule_id.to_owned(),
            document,
            expected,
            actor: actor::current(),
            at: self.clock.now(),
        };
        Ok(self.store.write(&write).await?)
    }
}

impl Snapshot {
    /// What was compiled of rules that are as before is kept.
    fn of(list: RuleList, before: Option<&Self>) -> Self {
        let mut rules = list.rules;
        rules.sort_by(|a, b| a.rule_id.cmp(&b.rule_id));
        let mut documents: HashMap<String, Vec<Json>> = HashMap::new();
        for version in rules {
            if let Some(document) = version.identified() {
                documents.entry(version.model).or_default().push(document);
            }
        }
        let models = documents.into_iter().map(|(model, documents)| {
            let rules = Rules::loaded_value(Json::Array(documents));
            let known = before.and_then(|before| before.models.get(&model));
            let known = known.filter(|known| ***known == rules).cloned();
            (model, known.unwrap_or_else(|| Arc::new(rules)))
        });
        Self {
            revision: list.revision,
            models: models.collect(),
        }
    }
}

fn refused(model: &ModelDef, errors: RuleErrors) -> FollowError {
    FollowError::Attach {
        model: model.name().to_owned(),
        errors,
    }
}
