//! Evaluation: which rules a save fires, and the events they make. Pure: it reads no clock, no database.

use chrono::{DateTime, Utc};

use super::Rules;
use super::compile::CompiledRules;
use super::error::RuleErrors;
use super::fire::{Firing, Misfire, Origin};
use crate::catalog::EventSchemas;
use crate::chain::Chain;
use crate::event::Envelope;
use crate::model::{Change, ModelDef};

/// The rules that look at a change, beside those declared in the model's code.
#[derive(Debug, Clone, Copy)]
pub struct RuleSets<'a> {
    /// The row's own rules: what the stored column and the caller's changes merge to.
    pub row: &'a Rules,
    /// Rules that stand outside the row (a table for the model). They always persist.
    pub others: &'a [&'a Rules],
}

/// What evaluation knows of the world.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The time of the save.
    pub now: DateTime<Utc>,
    /// The chain in which the save happens: [`Chain::current`].
    pub chain: &'a Chain,
    /// The events that are known.
    pub schemas: &'a dyn EventSchemas,
}

/// What a save fires.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The events, in the order of their rules: the row's, the model's, the others'.
    pub events: Vec<Envelope>,
    /// The field of each event's rule, as the rule writes it: as many as there are events, in their order.
    pub fields: Vec<String>,
    /// The ids of the row's rules that fired and do not persist: to be removed with the change.
    pub spent: Vec<String>,
    /// The rules that could not be evaluated. They stay, and stop nobody.
    pub broken: Vec<BrokenRule>,
}

/// A rule that could not be evaluated.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BrokenRule {
    /// Its id, if it can be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub errors: RuleErrors,
}

/// Why a save must not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Rules and handlers feed each other.
    #[error(
        "rule `{rule_id}` would fire `{topic}` at depth {depth} of its chain of events, and {limit} is the deepest; \
         rules and handlers feed each other: break the circle, or guard the rule"
    )]
    ChainTooDeep {
        /// The rule that would have fired.
        rule_id: String,
        /// Its event.
        topic: String,
        /// How many events came before in the chain.
        depth: u32,
        /// The deepest that is allowed.
        limit: u32,
    },
}

/// Evaluates all rules on one change: the row's, those declared in the model's code, and the others.
///
/// A rule that is broken is skipped, reported by `tracing` and the counter `celerysalt_rules_broken_total`, and
/// stays in the row. Nothing else is touched: the same inputs give the same result, the random part of the
/// events' ids aside.
///
/// # Errors
/// [`EvaluateError::ChainTooDeep`] when a rule would fire in a chain that is too deep.
pub fn evaluate(
    model: &ModelDef,
    change: &Change<'_>,
    rules: &RuleSets<'_>,
    env: &Env<'_>,
) -> Result<Evaluation, EvaluateError> {
    let firing = Firing::new(model, change, env);
    let mut evaluation = Evaluation::default();
    for (origin, rules) in rules.all(model) {
        if !rules.is_empty() {
            evaluation.add(&firing, origin, &rules.compiled(model))?;
        }
    }
    for broken in &evaluation.broken {
        broken.report(model);
    }
    Ok(evaluation)
}

impl<'a> RuleSets<'a> {
    /// The lists in the order of their events.
    pub(super) fn all(&self, model: &'a ModelDef) -> impl Iterator<Item = (Origin, &'a Rules)> {
        let standing = std::iter::once(model.rules()).chain(self.others.iter().copied());
        std::iter::once((Origin::Row, self.row))
            .chain(standing.map(|rules| (Origin::Standing, rules)))
    }
}

impl Evaluation {
    fn add(
        &mut self,
        firing: &Firing<'_>,
        origin: Origin,
        rules: &CompiledRules,
    ) -> Result<(), EvaluateError> {
        self.broken.extend(rules.broken().cloned());
        for (_, compiled) in rules.matching(firing.change, firing.env.now) {
            let rule = &compiled.rule;
            match firing.fire(compiled, origin) {
                Ok(event) => {
                    self.events.push(event);
                    self.fields.push(rule.field_name.clone());
                    if origin == Origin::Row && !rule.persist {
                        self.spent.push(rule.id.clone());
                    }
                }
                Err(Misfire::AlreadyFired) => {}
                Err(Misfire::Broken(errors)) => self.broken.push(BrokenRule {
                    id: Some(rule.id.clone()),
                    errors,
                }),
                Err(Misfire::TooDeep(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

impl BrokenRule {
    fn report(&self, model: &ModelDef) {
        let model = model.name().to_owned();
        for error in &self.errors {
            tracing::warn!(%model, %error, "a broken rule was skipped");
        }
        crate::telemetry::count::rules_broken(&model);
    }
}
