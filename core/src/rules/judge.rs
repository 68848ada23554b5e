//! The judgement over one rule at one moment: fires, or why not.

use chrono::{DateTime, Utc};

use super::compile::{Compiled, Node};
use super::document::Edge;
use super::holds::Sight;
use super::test::Test;
use crate::model::Operation;

/// Why a rule does not fire.
#[derive(Debug)]
pub(super) enum Why<'c> {
    Disabled,
    Expired(DateTime<Utc>),
    /// `on` does not name the operation.
    Operation,
    /// The field is the same as before.
    Unchanged,
    /// The operator does not hold.
    NotSo,
    /// It held before, so nothing was entered.
    HeldBefore,
    /// A row that goes enters nothing.
    Leaves,
    /// The old value is another.
    WasNot(&'c Test),
    /// The guard does not hold; the innermost part that tells why.
    Guard(String, Option<&'c Test>),
}

impl Compiled {
    /// Whether the rule fires, its event aside.
    pub(super) fn judge(
        &self,
        operation: Operation,
        sight: Sight<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), Why<'_>> {
        self.judge_standing(operation, now)?;
        self.judge_edge(operation, sight)?;
        self.judge_was(sight)?;
        match &self.guard {
            Some(guard) if !guard.holds(sight) => {
                let (path, test) = guard.culprit("when".to_owned(), sight);
                Err(Why::Guard(path, test))
            }
            _ => Ok(()),
        }
    }

    fn judge_standing(&self, operation: Operation, now: DateTime<Utc>) -> Result<(), Why<'_>> {
        let rule = &self.rule;
        if !rule.enabled {
            return Err(Why::Disabled);
        }
        match rule.expires_at {
            Some(at) if at <= now => Err(Why::Expired(at)),
            _ if !rule.on.contains(&operation) => Err(Why::Operation),
            _ => Ok(()),
        }
    }

    fn judge_edge(&self, operation: Operation, sight: Sight<'_>) -> Result<(), Why<'_>> {
        let edge = self.rule.edge;
        if edge == Edge::Change && !sight.changed(&self.test.path) {
            return Err(Why::Unchanged);
        }
        if edge == Edge::Enter && operation == Operation::Delete {
            return Err(Why::Leaves);
        }
        if !self.test.holds(sight) {
            return Err(Why::NotSo);
        }
        let before = sight.before();
        if edge == Edge::Enter && before.is_some_and(|before| self.test.holds(before)) {
            return Err(Why::HeldBefore);
        }
        Ok(())
    }

    fn judge_was(&self, sight: Sight<'_>) -> Result<(), Why<'_>> {
        match &self.was {
            None => Ok(()),
            Some(was) if was.holds(sight) => Ok(()),
            Some(was) => Err(Why::WasNot(was)),
        }
    }
}

impl Node {
    pub(super) fn holds(&self, sight: Sight<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(sight)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(sight)),
            Self::Not(node) => !node.holds(sight),
            Self::Is(test) => test.holds(sight),
        }
    }

    /// The part of a guard that does not hold: the first false one of `all`, else the part itself.
    fn culprit(&self, at: String, sight: Sight<'_>) -> (String, Option<&Test>) {
        match self {
            Self::All(nodes) => {
                let mut nodes = nodes.iter().enumerate();
                match nodes.find(|(_, node)| !node.holds(sight)) {
                    Some((i, node)) => node.culprit(format!("{at}.all[{i}]"), sight),
                    None => (at, None),
                }
            }
            Self::Any(_) => (format!("{at}.any"), None),
            Self::Not(_) => (format!("{at}.not"), None),
            Self::Is(test) => (at, Some(test)),
        }
    }
}
