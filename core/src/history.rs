//! History: what saves did to a model's fields, kept beside the events in the same transaction.
//!
//! A model opts in, by `#[follow(history)]` (a [`Transition`] for every rule that fires) or
//! `#[follow(history("status", "amount"))]` (every change of these fields too). [`follow::plan`](crate::follow::plan)
//! makes the transitions of a save, and an adapter writes them to the table `celerysalt_transitions`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::clock;
use crate::event::Envelope;
use crate::follow::Moment;
use crate::model::{Change, ModelDef, Operation};
use crate::rules::{Evaluation, Moved};

/// What one save did to one field.
///
/// Stored once a [`id`](Self::id): whoever writes it a second time changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Its own id (UUIDv7); those of one save sort in their order.
    pub id: Uuid,
    /// The model's name.
    pub model: String,
    /// The row: the key that its events carry as their aggregate, e.g. `order:0198…`.
    pub aggregate: String,
    /// What the save did.
    pub operation: Operation,
    /// The field, or the path into it, as the rule writes it.
    pub field: String,
    /// The value before, in the form of event data (a decimal is a string with all its digits, an instant is
    /// RFC 3339); null on insert.
    pub old: Json,
    /// The value after, in that form; null on delete.
    pub new: Json,
    /// The rule that fired; absent when the field changed and no rule fired for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// The event that it fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Uuid>,
    /// Who saved: [`actor::current`](crate::actor::current).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// The chain of events that the save belongs to: the event's, else that of the handler that saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// What of a model is kept as history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    fields: Vec<String>,
}

impl History {
    /// Each rule that fires: its field with the old and the new value, the rule and its event.
    pub fn of_rules() -> Self {
        Self::default()
    }

    /// Besides that, every change of these fields. What a rule fired on is not told twice.
    ///
    /// A name that is no field of the model is never recorded;
    /// [`check_code_rules`](crate::follow::check_code_rules) finds it.
    pub fn of_rules_and<S: Into<String>>(fields: impl IntoIterator<Item = S>) -> Self {
        let fields = fields.into_iter().map(Into::into);
        Self {
            fields: fields.collect(),
        }
    }

    /// The fields of which every change is kept.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }
}

/// The transitions of a save that was evaluated.
pub(crate) fn transitions(
    model: &ModelDef,
    change: &Change<'_>,
    evaluation: &Evaluation,
    moment: &Moment,
) -> Vec<Transition> {
    let Some(history) = model.history() else {
        return Vec::new();
    };
    let recorder = Recorder {
        model,
        change,
        moment,
    };
    let fired = std::iter::zip(&evaluation.events, &evaluation.fields);
    let mut recorded: Vec<_> = fired
        .filter_map(|(event, field)| recorder.fired(event, field))
        .collect();
    for field in &history.fields {
        if !recorded.iter().any(|known| known.field == *field) {
            recorded.extend(recorder.changed(field));
        }
    }
    recorded
}

struct Recorder<'a> {
    model: &'a ModelDef,
    change: &'a Change<'a>,
    moment: &'a Moment,
}

impl Recorder<'_> {
    fn fired(&self, event: &Envelope, field: &str) -> Option<Transition> {
        let moved = Moved::of(self.model, self.change, field)?;
        Some(Transition {
            rule_id: event.meta.rule_id.clone(),
            event_id: Some(event.id),
            correlation_id: event.meta.chain.correlation_id.clone(),
            ..self.transition(field, moved)
        })
    }

    fn changed(&self, field: &str) -> Option<Transition> {
        let moved = Moved::of(self.model, self.change, field)?;
        // What has no form of its own in JSON (NaN) reads the same before and after.
        let tells = moved.changed && moved.old != moved.new;
        tells.then(|| self.transition(field, moved))
    }

    fn transition(&self, field: &str, moved: Moved) -> Transition {
        Transition {
            id: clock::id_at(self.moment.now),
            model: self.model.name().to_owned(),
            aggregate: self.change.aggregate.to_owned(),
            operation: self.change.operation,
            field: field.to_owned(),
            old: moved.old,
            new: moved.new,
            rule_id: None,
            event_id: None,
            actor: self.moment.actor.clone(),
            at: self.moment.now,
            correlation_id: self.moment.chain.correlation_id.clone(),
        }
    }
}
