//! From a rule that fires to its event.

use serde_json::Value as Json;
use uuid::Uuid;

use super::compile::{Compiled, named};
use super::destination;
use super::error::{RuleErrorKind as Kind, RuleErrors, RuleName};
use super::evaluate::{Env, EvaluateError};
use super::holds::Sight;
use super::test::Problems;
use crate::catalog::EventInfo;
use crate::chain::MAX_DEPTH;
use crate::clock;
use crate::event::{Envelope, Meta};
use crate::model::{Change, ModelDef};
use crate::telemetry::TraceContext;
use crate::template::RenderContext;

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the row: known by its id.
    Row,
    /// In code or a table: known by its content, for ids in code may be made anew by every process.
    Standing,
}

/// Why a rule whose moment has come makes no event.
pub(super) enum Misfire {
    /// It has fired for this row in this chain.
    AlreadyFired,
    /// Its event cannot be made.
    Broken(RuleErrors),
    /// The save must not go on.
    TooDeep(EvaluateError),
}

/// Makes the events of one evaluation.
pub(super) struct Firing<'a> {
    pub(super) model: &'a ModelDef,
    pub(super) change: &'a Change<'a>,
    pub(super) env: &'a Env<'a>,
}

impl<'a> Firing<'a> {
    pub(super) fn new(model: &'a ModelDef, change: &'a Change<'a>, env: &'a Env<'a>) -> Self {
        Self { model, change, env }
    }

    /// The event of a rule whose moment has come.
    pub(super) fn fire(&self, compiled: &Compiled, origin: Origin) -> Result<Envelope, Misfire> {
        let rule = &compiled.rule;
        let digest = self.digest(compiled, origin);
        let chain = self.env.chain;
        if digest
            .as_ref()
            .is_some_and(|digest| chain.fired.contains(digest))
        {
            return Err(Misfire::AlreadyFired);
        }
        let made = self.payload(compiled);
        let (info, payload) = made
            .map_err(|problems| Misfire::Broken(named(&RuleName::Id(rule.id.clone()), problems)))?;
        if chain.depth > MAX_DEPTH {
            return Err(Misfire::TooDeep(EvaluateError::ChainTooDeep {
                rule_id: rule.id.clone(),
                topic: info.topic,
                depth: chain.depth,
                limit: MAX_DEPTH,
            }));
        }
        let id = clock::id_at(self.env.now);
        let mut chain = chain.of_event(id);
        chain.fired.extend(digest);
        let aggregate = Some(self.change.aggregate).filter(|aggregate| !aggregate.is_empty());
        let mut meta = Meta {
            chain,
            aggregate: aggregate.map(str::to_owned),
            rule_id: Some(rule.id.clone()),
            created_at: Some(self.env.now),
            ..Meta::default()
        };
        TraceContext::write_to(TraceContext::current(), &mut meta);
        Ok(Envelope {
            id,
            topic: info.topic,
            version: info.version,
            payload,
            meta,
        })
    }

    /// What a chain remembers of this rule on this row; nothing when the row is unknown.
    fn digest(&self, compiled: &Compiled, origin: Origin) -> Option<String> {
        let aggregate = Some(self.change.aggregate).filter(|aggregate| !aggregate.is_empty())?;
        let rule = match origin {
            Origin::Row => compiled.rule.id.clone(),
            Origin::Standing => {
                let mut content = compiled.document().clone();
                if let Json::Object(map) = &mut content {
                    map.remove("id");
                }
                content.to_string()
            }
        };
        let name = format!("{}\0{aggregate}\0{rule}", self.model.name());
        Some(Uuid::new_v5(&DIGESTS, name.as_bytes()).simple().to_string())
    }

    fn payload(&self, compiled: &Compiled) -> Result<(EventInfo, Json), Problems> {
        let (model, env) = (self.model, self.env);
        let info = destination::resolve(model, env.schemas, &compiled.rule.event_class)
            .map_err(|kind| vec![("event_class".to_owned(), kind)])?;
        let sight = Sight::of(self.change);
        let context = RenderContext {
            model,
            old: sight.old,
            new: sight.this,
            rule: compiled.document(),
            now: env.now,
        };
        let payload = compiled.template.render(&context).map_err(|error| {
            let reason = error.to_string();
            vec![("event_data".to_owned(), Kind::Render { reason })]
        })?;
        let problems = misfits(&info, &payload);
        match problems.is_empty() {
            true => Ok((info, payload)),
            false => Err(problems),
        }
    }
}

/// What of an event's data does not fit its schema, without the data's values.
fn misfits(info: &EventInfo, payload: &Json) -> Problems {
    const AT_MOST: usize = 8;
    let Some(schema) = &info.schema else {
        return Problems::new();
    };
    let errors = schema.validator.iter_errors(payload).take(AT_MOST);
    let problems = errors.map(|error| {
        let path = error.instance_path().to_string().replace('/', ".");
        let kind = Kind::Misfit {
            topic: info.topic.clone(),
            problem: error.masked().to_string(),
        };
        (format!("event_data{path}"), kind)
    });
    problems.collect()
}

/// The namespace of what chains remember.
const DIGESTS: Uuid = Uuid::from_u128(0x0d2c_84f1_6a37_4f6e_9d55_3c1e_b7a8_9046);
