//! The port: where the table of rules is kept.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::rules::{Rule, RuleErrors};

/// Keeps rules by model and rule id, in all their versions.
///
/// Contract:
/// - **Versions.** A rule's versions are 1, 2, 3 and so on; a removal is a version without document, and what is put
///   afterwards is the next one. No version is ever changed or deleted. `write` tells apart what it is asked to write
///   by model and id byte for byte: `A` is not `a`, and `a` with a space behind it is not `a`.
/// - **One revision for all.** Every write advances the table's revision by one and carries it. Writers take turns on
///   it (they lock its row until they commit), so revisions become visible in their order: whoever has read revision
///   *n* reads every write up to *n*. `list` reads the revision no later than the rules, so its rules are at least those
///   of its revision.
/// - **Concurrent writers.** Any number, in any number of processes. A `write` decides under that lock: of two that
///   expect the same version one is written, and the other is [`RuleStoreError::Conflict`], with nothing written.
/// - **Documents come back as they were written**, all digits of their numbers included. What a hand has edited comes
///   back as it stands there: text that is no JSON as a JSON string (of text that is,
///   [`keep_digits`](crate::json::keep_digits) keeps the digits). No document makes `list` or `versions` fail.
/// - **Durability.** What `write` has returned survives a crash.
/// - **Errors.** Reads may be tried again after every error. A write may after [`RuleStoreError::Store`], but it may
///   have happened: a lost connection does not tell. With `expected`, the second try of such a write is a conflict.
///
/// The conformance kit is in [`conformance`](super::conformance).
#[async_trait]
pub trait RuleStore: Send + Sync + 'static {
    /// Writes the next version of a rule. `None` when a rule was to be removed that is not there: nothing is written.
    ///
    /// # Errors
    /// [`RuleStoreError::Conflict`] when the rule is at another version than expected.
    async fn write(&self, write: &RuleWrite) -> Result<Option<RuleVersion>, RuleStoreError>;

    /// The rules that are there now, of one model or of all, in any order.
    async fn list(&self, model: Option<&str>) -> Result<RuleList, RuleStoreError>;

    /// All versions of a rule, ascending; none when it was never there.
    async fn versions(
        &self,
        model: &str,
        rule_id: &str,
    ) -> Result<Vec<RuleVersion>, RuleStoreError>;

    /// The revision of the last write; 0 before the first.
    async fn revision(&self) -> Result<u64, RuleStoreError>;

    /// Ends when the revision is, or may be, another than `since`: at once when it is already, else when the store
    /// is told so (LISTEN/NOTIFY). May end for nothing. A store that cannot be told never ends. Dropping the future is
    /// harmless.
    ///
    /// # Errors
    /// When the store cannot be listened to; the watcher then polls and tries again.
    async fn changed(&self, since: u64) -> Result<(), RuleStoreError>;

    /// So often a watcher asks for the revision, whatever `changed` does. A store whose `changed` can be relied on may
    /// give a longer time.
    fn poll_interval(&self) -> Duration {
        Duration::from_millis(500)
    }
}

/// A store that many own.
pub type SharedRuleStore = Arc<dyn RuleStore>;

/// What is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleWrite {
    /// The model's name.
    pub model: String,
    /// The rule's id, unique in its model.
    pub rule_id: String,
    /// The rule as JSON; `None` removes it.
    pub document: Option<Json>,
    /// The version that the rule must be at for the write to happen: that of its removal when it was removed, 0 when it
    /// was never there. `None`: any.
    pub expected: Option<u64>,
    /// Who writes.
    pub actor: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// One version of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleVersion {
    /// The model's name.
    pub model: String,
    /// The rule's id.
    pub rule_id: String,
    /// The version: 1 for the first.
    pub version: u64,
    /// The rule as JSON; `None` says that it was removed.
    pub document: Option<Json>,
    /// The table's revision that this write made.
    pub revision: u64,
    /// Who wrote it.
    pub actor: Option<String>,
    /// When it was written.
    pub at: DateTime<Utc>,
}

impl RuleVersion {
    /// The rule, under the id by which the table knows it; `None` when this version removed it.
    ///
    /// # Errors
    /// What is wrong with the document, when a hand or another version of the program wrote it.
    pub fn rule(&self) -> Result<Option<Rule>, RuleErrors> {
        let document = self.identified();
        document.as_ref().map(Rule::from_value).transpose()
    }

    /// The document with the table's own id in it, whatever a hand has made of it.
    pub(super) fn identified(&self) -> Option<Json> {
        let id = &self.rule_id;
        Some(match self.document.clone()? {
            Json::Object(mut map) => {
                map.insert("id".to_owned(), id.as_str().into());
                Json::Object(map)
            }
            // No rule at all; what is said of it then names its id.
            other => json!({"id": id, "document": other}),
        })
    }
}

/// The rules that are there at a revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleList {
    /// The table's revision.
    pub revision: u64,
    /// The last version of each rule that is there.
    pub rules: Vec<RuleVersion>,
}

/// Somebody else has written a rule meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "rule `{rule_id}` of `{model}` is at version {found}, not {expected} (0: it was never there): somebody has written \
     it meanwhile; look at what it is now, and decide again"
)]
pub struct VersionConflict {
    /// The model.
    pub model: String,
    /// The rule.
    pub rule_id: String,
    /// The version that was expected.
    pub expected: u64,
    /// The version that the rule is at.
    pub found: u64,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleStoreError {
    /// The rule is at another version. Nothing was written.
    #[error(transparent)]
    Conflict(#[from] VersionConflict),
    /// The store is not reachable or failed; may be tried again.
    #[error("the store of the table of rules failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tables are missing or of another version.
    #[error(
        "the tables of rules are not there; run the migrations of celerysalt-migrations (`celerysalt migrations print` shows them)"
    )]
    NotMigrated,
}
